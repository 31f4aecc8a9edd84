"""What the lab shows: live progress per node and step, and the tables at the end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from drydockd.api.event import EventData, MessageEvent, NodeEvent, StateEvent
from drydockd.api.message import Message
from drydockd.api.node import Node, NodeBootAction, NodeView
from drydockd.api.result import Result

COLOURS = {"success": "green", "failure": "red", "partial_success": "yellow", "running": "cyan"}
REFRESHES_PER_SECOND = 8
MESSAGES_SHOWN = 20


class Progress:
    """Progress of one task: a live table on a terminal, a line per change elsewhere.

    Fed with the events of the task's tree; a node's line tells the step it is in and, with
    `tells`, what was said of it last: real machines are minutes in a step.
    """

    def __init__(
        self,
        action: str,
        *,
        is_plain: bool,
        tells: bool = False,
        console: Console | None = None,
    ) -> None:
        self._action = action
        self._is_plain = is_plain
        self._tells = tells
        self._said: dict[str, str] = {}
        self._console = console or Console(highlight=False, soft_wrap=is_plain)
        self._nodes: dict[str, tuple[str, str]] = {}
        self._steps: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._begun = time.monotonic()
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._is_plain:
            self._console.print(f"{self._action}: started")
        else:
            self._live = Live(
                self._table(), console=self._console, refresh_per_second=REFRESHES_PER_SECOND
            )
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.__exit__(kind, error, trace)
            self._live = None

    def seen(self, event: EventData) -> None:
        """Take in one event of the tree."""
        if isinstance(event, MessageEvent):
            self._message(event)
        elif isinstance(event, NodeEvent):
            self._node(event)
        elif isinstance(event, StateEvent) and event.parent_task_id:
            self._steps[event.action] = _outcome(event)
        if self._live is not None:
            self._live.update(self._table())

    def _node(self, event: NodeEvent) -> None:
        name, now = event.node, (event.action, _outcome(event))
        if self._nodes.get(name) == now:
            return
        self._nodes[name] = now
        if self._is_plain and now[1] != "running":
            self._console.print(f"  {name}: {now[0]} {now[1]}")

    def _message(self, event: MessageEvent) -> None:
        if not self._tells or event.context_type != "node":
            return
        name = event.context
        text = event.message.removeprefix(f"{name}: ")
        self._said[name] = text
        if self._is_plain:
            self._console.print(f"  {name}: {text}", markup=False)

    def ended(self, result: Result) -> None:
        """Show how the whole task ended."""
        seconds = time.monotonic() - self._begun
        done = f"{len(result.successes)} nodes" if result.successes else ""
        failed = f"{len(result.failures)} failed" if result.failures else ""
        counts = ", ".join(part for part in (done, failed, f"{seconds:.1f} s") if part)
        if self._live is not None:
            self._live.update(self._summary(result.status, counts), refresh=True)
        else:
            self._console.print(f"{self._action}: {result.status} ({counts})")

    def _summary(self, status: str, counts: str) -> RenderableType:
        return Text.assemble(
            (f"{self._action:<16}", "bold"), (status, COLOURS.get(status, "")), f"  {counts}"
        )

    def _table(self) -> RenderableType:
        table = Table(title=f"{self._action}  {time.monotonic() - self._begun:.0f} s", box=None)
        if not self._nodes:
            for step, status in self._steps.items():
                table.add_row(step, Text(status, COLOURS.get(status, "")))
            return table
        fits = max(5, self._console.height - 6)
        if len(self._nodes) > fits:
            return self._crowd(table)
        for heading in ("node", "step", "", ""):
            table.add_column(heading)
        for name, (step, status) in self._nodes.items():
            colour = COLOURS.get(status, "")
            table.add_row(name, step, Text(status, colour), Text(self._said.get(name, "")))
        return table

    def _crowd(self, table: Table) -> RenderableType:
        """More nodes than lines: count them by step."""
        for (step, status), count in sorted(Counter(self._nodes.values()).items()):
            table.add_row(step, Text(status, COLOURS.get(status, "")), f"{count} nodes")
        return table


def _outcome(event: StateEvent) -> str:
    """The result once there is one, else the state."""
    return event.result if event.status.is_final else event.status


def show_nodes(
    rows: Iterable[Node],
    views: Iterable[NodeView],
    result: Result,
    console: Console | None = None,
) -> None:
    """Print the nodes in design order with their boot actions and results."""
    console = console or Console(highlight=False)
    known = {row.hostname: row for row in rows}
    failed = set(result.failures)
    table = Table(title="nodes")
    for heading in ("node", "state", "power", "address", "boot actions", "result"):
        table.add_column(heading, overflow="fold")
    for view in views:
        name = view.hostname
        row = known.get(name)
        status = "failure" if name in failed else "success"
        table.add_row(
            name,
            row.status_name if row else "unknown",
            row.power_state if row else "",
            (row.boot_ip if row else None) or "",
            _boot_actions(view.boot_actions),
            Text(status, COLOURS[status]),
        )
    if table.row_count:
        console.print(table)


def _boot_actions(actions: Sequence[NodeBootAction]) -> str:
    """Those that report, by name; the silent ones as a number."""
    reported = [a for a in actions if a.status != "unreported"]
    lines = [f"{a.action_name} {a.status}" for a in reported]
    if silent := len(actions) - len(reported):
        lines.append(f"{silent} that do not report")
    return "\n".join(lines)


def show_findings(
    messages: Iterable[Message], summary: str | None, console: Console | None = None
) -> None:
    """Print why a task did not end well: the errors among `messages`, without any `summary`."""
    console = console or Console(highlight=False, soft_wrap=True)
    found = [message for message in messages if message.error]
    for message in found[:MESSAGES_SHOWN]:
        console.print(f"{message.context}: {message.message}", markup=False)
    if len(found) > MESSAGES_SHOWN:
        console.print(f"and {len(found) - MESSAGES_SHOWN} more")
    if not found and summary:
        console.print(summary, markup=False)


def show_page(url: str, console: Console | None = None) -> None:
    """Print where a browser sees it; the link logs in once."""
    console = console or Console(highlight=False, soft_wrap=True)
    line = f"page {url} (logs in once, within ten minutes)"
    console.print(line, markup=False, soft_wrap=True)


def show_login(url: str, folder: Path, console: Console | None = None) -> None:
    """Print where a browser sees it, and what one logs in with."""
    console = console or Console(highlight=False, soft_wrap=True)
    line = f"page {url} (log in with the token in {folder / 'token'})"
    console.print(line, markup=False, soft_wrap=True)


def show_way_in(url: str, folder: Path, console: Console | None = None) -> None:
    """Print where it serves and two commands to look at it."""
    console = console or Console(highlight=False, soft_wrap=True)
    header = f'-H "X-Auth-Token: $(cat {folder / "token"})"'
    console.print(f"\ndrydockd serves {url}; state and log are in {folder}", markup=False)
    console.print(f"  curl {header} '{url}/api/v1.0/nodes'", markup=False)
    console.print(f"  curl {header} '{url}/api/v1.0/tasks?action=deploy_nodes'", markup=False)
    console.print("Ctrl-C stops it.")

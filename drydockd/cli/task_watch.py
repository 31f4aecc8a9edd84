"""`drydock task watch` and `drydock task wait`: until tasks end, with their result as exit code."""

from __future__ import annotations

import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from drydockd.api.event import MessageEvent, NodeEvent, StateEvent
from drydockd.api.states import ResultStatus, TaskStatus
from drydockd.cli import ids
from drydockd.cli.output import echo_json, output_option, printable
from drydockd.cli.session import with_client
from drydockd.cli.task_list import clock, progress, seconds

if TYPE_CHECKING:
    from drydockd.api.event import EventData
    from drydockd.api.task import Task
    from drydockd.client import Client

NOT_SUCCESSFUL = 3
NOT_ENDED = 4
# So many messages stand below the steps on a terminal; elsewhere all are printed.
SHOWN_MESSAGES = 8


def is_success(task: Task) -> bool:
    return task.status is TaskStatus.COMPLETE and task.result.status is ResultStatus.SUCCESS


def summary(task: Task) -> str:
    """Return a line on a task: what became of it, of how many nodes, who failed."""
    result = task.result
    line = f"{task.task_id} {task.action} {task.status}"
    if task.status.is_final:
        line += f": {result.status}"
        passed, failed = len(result.successes), len(result.failures)
        nodes = len({*result.successes, *result.failures})
        if nodes:
            line += f", {progress(nodes, passed, failed, None)}"
        line += f", {clock(seconds(task.created, task.updated))}"
        if result.failures:
            line += f"; failed: {', '.join(result.failures)}"
        elif result.message and result.status is not ResultStatus.SUCCESS:
            line += f"; {result.message}"
    return printable(line)


@click.command()
@click.argument("task_ids", nargs=-1, metavar="TASK_ID...", required=True)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    help="Seconds to wait at most for all of them; default: for ever.",
)
@click.option(
    "--poll-interval",
    type=click.FloatRange(min=0.1),
    default=15,
    show_default=True,
    help="Seconds between questions, for a server that cannot hold one.",
)
@output_option("text", "json")
@with_client()
def wait(
    client: Client,
    task_ids: tuple[str, ...],
    timeout: float | None,
    poll_interval: float,
    output: str,
) -> None:
    """Wait until all tasks have ended, and print each as it is found ended, one a line.

    Exit code 0: all succeeded, 1: one cannot be asked about, 3: one did not succeed, 4: the time
    is over and one has not ended.
    """
    from drydockd.client import ClientTimeoutError

    until = None if timeout is None else time.monotonic() + timeout
    code = 0
    for task_id in dict.fromkeys(task_ids):
        left = None if until is None else max(0.0, until - time.monotonic())
        try:
            task = client.wait_for_task(task_id, left, poll_interval=poll_interval)
        except ClientTimeoutError:
            task = client.get_task(task_id)
            if not task.status.is_final:
                click.echo(f"Error: {summary(task)}, has not ended in time", err=True)
                code = NOT_ENDED
                continue
        echo_json(task) if output == "json" else click.echo(summary(task))
        if not is_success(task):
            code = max(code, NOT_SUCCESSFUL)
    sys.exit(code)


@click.command()
@ids.task_id
@with_client()
def watch(client: Client, task_id: str) -> None:
    """Show a task, its steps and messages as they happen, until it has ended.

    On a terminal its steps with how many nodes are where, else a line for each event. It goes on
    over a restart of the server. Exit code 0: it succeeded, 3: it did not.
    """
    task = client.get_task(task_id)
    view = Watched(task.task_id, task.action, task.created)
    if sys.stdout.isatty():
        _live(client, task.task_id, view)
    else:
        for event in client.watch_task(task.task_id):
            for line in view.heard(event.data):
                click.echo(line)
    ended = client.get_task(task.task_id)
    click.echo(summary(ended))
    if not is_success(ended):
        sys.exit(NOT_SUCCESSFUL)


def _live(client: Client, task_id: str, view: Watched) -> None:
    from rich.live import Live
    from rich.text import Text

    with Live(get_renderable=lambda: Text("\n".join(view.screen())), refresh_per_second=4):
        for event in client.watch_task(task_id):
            for _ in view.heard(event.data):
                pass


@dataclass
class Watched:
    """What the events of a task's tree told so far.

    `nodes`: step -> node -> its newest attempt; `steps` are in the order they began.
    """

    task_id: str
    action: str
    created: str
    root: StateEvent | None = None
    steps: dict[str, StateEvent] = field(default_factory=dict)
    nodes: dict[str, dict[str, NodeEvent]] = field(default_factory=dict)
    said: deque[str] = field(default_factory=lambda: deque(maxlen=SHOWN_MESSAGES))

    def heard(self, data: EventData | object) -> Iterator[str]:
        """Take in what an event told; yield a line for it, if it is worth one."""
        if isinstance(data, MessageEvent):
            word = "error" if data.error else "said"
            line = printable(f"{data.ts[:19]} {_about(data)}{word}: {data.message}")
            self.said.append(line)
            yield line
        elif isinstance(data, NodeEvent):
            # An older attempt may come after a newer one when the whole tree comes again.
            known = self.nodes.setdefault(data.action, {}).get(data.node)
            if known is None or known.retry <= data.retry:
                self.nodes[data.action][data.node] = data
            yield printable(f"{data.updated[:19]} {data.node} {data.action} {_state(data)}")
        elif isinstance(data, StateEvent):
            if data.task_id == self.task_id:
                self.root = data
            else:
                self.steps[data.task_id] = data
            yield printable(f"{data.updated[:19]} {data.action} {_state(data)}")

    def screen(self) -> Sequence[str]:
        """Return the lines of the terminal."""
        return [self._head(), *self._step_lines(), *self.said]

    def line(self) -> str:
        """Return all of it in one line: the task, and the step that was heard of last."""
        steps = [line.strip() for line in self._step_lines()]
        parts = [self._head(), " ".join(steps[-1].split()) if steps else ""]
        return " | ".join(filter(None, parts))

    def _head(self) -> str:
        root = self.root
        if root is None:
            return f"{self.action}: ..."
        nodes = f", {root.nodes} nodes" if root.nodes else f", {root.node}" if root.node else ""
        time = clock(seconds(self.created, root.updated if root.status.is_final else None))
        return printable(f"{root.action} {root.task_id} {_state(root)}{nodes}, {time}")

    def _step_lines(self) -> Iterator[str]:
        actions = dict.fromkeys([*(step.action for step in self.steps.values()), *self.nodes])
        for action in actions:
            counts = Counter(map(_where, self.nodes.get(action, {}).values()))
            parts = [f"{count} {word}" for word in WORDS if (count := counts[word])]
            state = [_state(s) for s in self.steps.values() if s.action == action]
            yield printable(f"  {action:<28} {', '.join(parts) or ', '.join(state[-1:])}")


WORDS = ("passed", "failed", "at work", "waiting")


def _where(node: NodeEvent) -> str:
    if node.status.is_final:
        return "passed" if node.result is ResultStatus.SUCCESS else "failed"
    waits = node.status in (TaskStatus.REQUESTED, TaskStatus.QUEUED)
    return "waiting" if waits else "at work"


def _state(data: StateEvent) -> str:
    again = f" (attempt {data.retry + 1})" if data.retry else ""
    return (
        f"{data.status}{again}: {data.result}" if data.status.is_final else f"{data.status}{again}"
    )


def _about(data: MessageEvent) -> str:
    return "" if data.context_type in ("NA", "task") else f"{data.context} "

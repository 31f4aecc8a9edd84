"""The first page: every machine, what it does and waits for, and why some failed."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from drydockd.model import Action, ResultStatus, timestamp
from drydockd.tasks import Machines, NodeView
from drydockd.web.daemons import shown
from drydockd.web.inuse import SiteInUse
from drydockd.web.looks import look_of, words
from drydockd.web.page import PageHandler, in_turns

# What one may begin for machines one chose, in the order it is usually done.
ACTIONS = (
    Action.VERIFY_NODES,
    Action.PREPARE_NODES,
    Action.DEPLOY_NODES,
    Action.POWER_ON_NODES,
    Action.POWER_OFF_NODES,
    Action.POWER_CYCLE_NODES,
    Action.RELABEL_NODES,
    Action.DESTROY_NODES,
)
COLUMNS = ("name", "rack", "state", "power", "task", "contact", "address")
ABSENT = "not known to the provisioner"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the table: `view`, and what it is sorted, coloured and found by."""

    view: NodeView
    rack: str
    state: str
    look: str

    @property
    def name(self) -> str:
        return self.view.node

    @property
    def power(self) -> str:
        return self.view.row.power_state if self.view.row else ""

    @property
    def task(self) -> str:
        return (self.view.step or self.view.task).action if self.view.task else ""

    @property
    def contact(self) -> str:
        return self.view.last_contact or ""

    @property
    def address(self) -> str:
        row = self.view.row
        return f"{row.boot_ip or ''} {row.boot_mac or ''}".strip() if row else ""

    @property
    def failure(self) -> str:
        """Why its last task failed for it; empty if it did not."""
        last = self.view.last
        is_failed = last is not None and last.outcome is ResultStatus.FAILURE
        return (last.cause or "it is not told why") if last is not None and is_failed else ""

    @property
    def text(self) -> str:
        """What a filter looks into, in lower case."""
        parts = (
            self.name, self.rack, self.state, self.power, words(self.task), self.address,
            self.view.waiting_for or "", self.failure,
        )  # fmt: skip
        return " ".join(parts).lower()

    def has(self, wanted: str) -> bool:
        """Whether every word of a filter is in the row."""
        text = self.text
        return all(word in text for word in wanted.lower().split())


class MachinesHandler(PageHandler):
    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "every machine: `q` filters, `sort` is a column, `-` before it turns"}
    parameters: ClassVar = {"GET": ("q", "sort")}

    async def get(self) -> None:
        machines = await self.services.tasks.machines()
        sites = await self.dashboard.in_use.sites()
        wanted, sort = self.query("q") or "", self.query("sort") or "name"
        lines = lines_of(machines, sites)
        await self.render_long(
            "machines.html",
            title="Machines",
            lines=sorted_by(lines, sort),
            counts=counts_of(lines),
            failed=machines.failed,
            trouble=machines.trouble,
            daemons=shown(self.services),
            sites=sites,
            actions=[a for a in ACTIONS if self.may("create_task", a)],
            may_ask=self.may("verify_nodes"),
            q=wanted,
            sort=sort,
            now=timestamp(),
        )


class RowsHandler(PageHandler):
    """The rows alone, for pages that stay open: made once for all who look at the same time."""

    policy: ClassVar = {"GET": "read_data"}
    about: ClassVar = {"GET": "the rows of the table of machines"}

    async def get(self) -> None:
        machines = await self.services.tasks.machines()
        may_choose = any(self.may("create_task", action) for action in ACTIONS)
        offers = may_choose, self.may("verify_nodes")
        packed = self.dashboard.rows.get(machines, offers)
        if packed is None:
            sites = await self.dashboard.in_use.sites()
            lines = lines_of(machines, sites)
            template = self.dashboard.looks.get_template("machinerows.html")
            words = {"lines": lines, "q": "", "actions": may_choose, "may_ask": offers[1]}
            pieces = template.generate(words)
            parts = [part async for part in in_turns(pieces, self)]
            packed = gzip.compress(b"".join(parts), 1)
            self.dashboard.rows.put(machines, offers, packed)
        self.set_header("Content-Encoding", "gzip")
        self.reply_bytes(packed)


def lines_of(machines: Machines, sites: Iterable[SiteInUse]) -> list[Line]:
    """Return a row for each machine that is known or designed, with the rack of its design."""
    racks: dict[str, str] = {}
    for site in reversed(list(sites)):
        racks |= site.racks
    known = {view.node for view in machines.views}
    views = [*machines.views, *(NodeView(name) for name in racks if name not in known)]
    return [line_of(view, racks) for view in views]


def line_of(view: NodeView, racks: Mapping[str, str]) -> Line:
    said = view.row.status_name if view.row else ABSENT
    is_failed = view.last is not None and view.last.outcome is ResultStatus.FAILURE
    look = "bad" if is_failed else look_of(said)
    if view.task is not None and not is_failed:
        look = "wait" if view.task.status == "queued" else "busy"
    return Line(view, racks.get(view.node, ""), said, look)


def sorted_by(lines: list[Line], column: str) -> list[Line]:
    """Return rows by a column, those without a value last; an unknown column is the name."""
    is_turned, name = column.startswith("-"), column.removeprefix("-")
    if name not in COLUMNS:
        name = "name"
    rows = sorted(lines, key=lambda line: line.name)
    with_value = [line for line in rows if getattr(line, name)]
    without = [line for line in rows if not getattr(line, name)]
    with_value.sort(key=lambda line: str(getattr(line, name)), reverse=is_turned)
    return [*with_value, *without]


def counts_of(lines: Iterable[Line]) -> list[tuple[str, int]]:
    """Return how many machines are in each state, the most first."""
    return Counter(line.state for line in lines).most_common()

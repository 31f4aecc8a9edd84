"""Who may run: tasks on disjoint nodes together, on shared nodes in order of arrival.

Pure bookkeeping, no waiting: the scheduler enters tasks, learns which became free, and
takes them out at their end. A task is free when it is the oldest unfinished one on each of
its nodes and no older task is site-wide or still without known nodes (its design is being
loaded; which nodes it will want is not known). A site-wide task is free when it is alone.
Source: architecture, decisions 6 and 18.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

# Number of arrival, then id: two tasks may arrive with one write.
Order = tuple[int, str]


class Phase(Enum):
    LOADING = "loading"
    WAITING = "waiting"
    RUNNING = "running"


@dataclass(frozen=True)
class Blocker:
    """The task another one waits for, and why: `nodes` both want, or a phase of its own."""

    task_id: str
    nodes: tuple[str, ...] = ()
    is_loading: bool = False


@dataclass
class _Claim:
    order: Order
    nodes: tuple[str, ...] = ()
    is_alone: bool = False
    phase: Phase = Phase.LOADING

    @property
    def is_barrier(self) -> bool:
        return self.is_alone or self.phase is Phase.LOADING


@dataclass
class Claims:
    """The unfinished top-level tasks in order of arrival, and what each holds or wants."""

    _claims: dict[str, _Claim] = field(default_factory=dict)
    _order: list[Order] = field(default_factory=list)
    _barriers: list[Order] = field(default_factory=list)
    _by_node: dict[str, list[Order]] = field(default_factory=dict)
    _running: set[str] = field(default_factory=set)
    _touched: set[str] = field(default_factory=set)

    def enter(self, task_id: str, arrived: int) -> None:
        """Note a new task whose nodes are not known yet; younger ones wait behind it."""
        claim = _Claim((arrived, task_id))
        self._claims[task_id] = claim
        insort(self._order, claim.order)
        insort(self._barriers, claim.order)

    def resolve(self, task_id: str, nodes: Iterable[str], *, is_alone: bool = False) -> None:
        """Say what an entered task wants: `nodes`, or the whole site alone."""
        claim = self._claims[task_id]
        claim.nodes, claim.is_alone, claim.phase = tuple(nodes), is_alone, Phase.WAITING
        for node in claim.nodes:
            insort(self._by_node.setdefault(node, []), claim.order)
        self._touched.add(task_id)
        if not is_alone:
            self._lift(claim)

    def hold(
        self, task_id: str, arrived: int, nodes: Iterable[str], *, is_alone: bool = False
    ) -> None:
        """Note a task that is running already: one found so after a restart."""
        self.enter(task_id, arrived)
        self.resolve(task_id, nodes, is_alone=is_alone)
        self._claims[task_id].phase = Phase.RUNNING
        self._running.add(task_id)

    def leave(self, task_id: str) -> None:
        """Take a task out; unknown ids are fine."""
        claim = self._claims.pop(task_id, None)
        if claim is None:
            return
        self._running.discard(task_id)
        _remove(self._order, claim.order)
        for node in claim.nodes:
            line = self._by_node[node]
            _remove(line, claim.order)
            if line:
                self._touched.add(line[0][1])
            else:
                del self._by_node[node]
        if claim.is_barrier:
            self._lift(claim)
        if self._order:
            self._touched.add(self._order[0][1])

    def take_ready(self) -> list[str]:
        """Return the tasks that may start now, oldest first, and count them as running."""
        ready = []
        for task_id in sorted(self._touched & self._claims.keys(), key=self._place):
            claim = self._claims[task_id]
            if claim.phase is Phase.WAITING and self._blocker(claim) is None:
                claim.phase = Phase.RUNNING
                self._running.add(task_id)
                self._touched.discard(task_id)
                ready.append(task_id)
        return ready

    def take_waiting(self) -> list[tuple[str, Blocker]]:
        """Return the touched tasks that still wait, with what they wait for now."""
        waiting = []
        for task_id in sorted(self._touched & self._claims.keys(), key=self._place):
            claim = self._claims[task_id]
            blocker = self._blocker(claim) if claim.phase is Phase.WAITING else None
            if blocker is not None:
                waiting.append((task_id, blocker))
        self._touched.clear()
        return waiting

    def blocker(self, task_id: str) -> Blocker | None:
        """Return what `task_id` waits for; None when it runs or could, or is not known."""
        claim = self._claims.get(task_id)
        if claim is None or claim.phase is not Phase.WAITING:
            return None
        return self._blocker(claim)

    def _blocker(self, claim: _Claim) -> Blocker | None:
        if claim.is_alone:
            others = self._running - {claim.order[1]}
            oldest = self._order[0][1]
            if oldest != claim.order[1]:
                return self._whole(oldest)
            return self._whole(min(others, key=self._place)) if others else None
        if self._barriers and self._barriers[0] < claim.order:
            return self._whole(self._barriers[0][1])
        for node in claim.nodes:
            holder = self._by_node[node][0]
            if holder != claim.order:
                wanted = frozenset(self._claims[holder[1]].nodes)
                return Blocker(holder[1], tuple(n for n in claim.nodes if n in wanted))
        return None

    def _whole(self, task_id: str) -> Blocker:
        return Blocker(task_id, is_loading=self._claims[task_id].phase is Phase.LOADING)

    def _lift(self, claim: _Claim) -> None:
        """Remove a barrier; those behind it, up to the next one, may have become free."""
        _remove(self._barriers, claim.order)
        start = bisect_left(self._order, claim.order)
        end = bisect_left(self._barriers, claim.order)
        last = self._barriers[end] if end < len(self._barriers) else None
        for order in self._order[start:]:
            self._touched.add(order[1])
            if order == last:
                break

    def _place(self, task_id: str) -> Order:
        return self._claims[task_id].order


def _remove(line: list[Order], order: Order) -> None:
    place = bisect_left(line, order)
    if place < len(line) and line[place] == order:
        del line[place]

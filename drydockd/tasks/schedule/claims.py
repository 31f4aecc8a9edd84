"""Who may run: tasks on disjoint nodes together, on shared nodes in order of arrival.

Pure bookkeeping, no waiting: the scheduler enters tasks, learns which became free, and
takes them out at their end. A waiting task is free when nothing that runs is in its way, and
no older task is that waits or whose design is being loaded from the same reference. In the
way of a task are those that want one of its nodes, and site-wide ones; in the way of a
site-wide task is every other one.

A task that is being loaded has no place yet, because nobody knows what it will want: tasks
of other references pass it, and it waits for those of them that run by then. The action of a
site-wide one tells before what it will want, but if it kept its place, one source without an
answer would stop the site. Who waits is never passed on his nodes, so nobody starves.
Source: architecture, decisions 6, 16 and 18.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
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
    source: str
    nodes: tuple[str, ...] = ()
    is_alone: bool = False
    phase: Phase = Phase.LOADING


@dataclass
class _Line:
    """Orders of tasks by what they share: a node, the site, a reference."""

    _lines: dict[str, list[Order]] = field(default_factory=dict)

    def add(self, name: str, order: Order) -> None:
        insort(self._lines.setdefault(name, []), order)

    def remove(self, name: str, order: Order) -> None:
        line = self._lines[name]
        del line[bisect_left(line, order)]
        if not line:
            del self._lines[name]

    def first(self, name: str) -> Order | None:
        line = self._lines.get(name)
        return line[0] if line else None

    def between(self, name: str, start: Order | None, end: Order | None) -> list[Order]:
        """The orders from `start` to `end`, both included; None: from the first, to the last."""
        line = self._lines.get(name, [])
        stop = len(line) if end is None else bisect_right(line, end)
        return line[0 if start is None else bisect_left(line, start) : stop]


SITE = ""


@dataclass
class Claims:
    """The unfinished top-level tasks in order of arrival, and what each holds or wants."""

    _claims: dict[str, _Claim] = field(default_factory=dict)
    # By reference: tasks being loaded, tasks that wait.
    _loading: _Line = field(default_factory=_Line)
    _loaded: _Line = field(default_factory=_Line)
    # By node: tasks that wait for it or run on it; the one that runs.
    _wanted: _Line = field(default_factory=_Line)
    _holder: dict[str, Order] = field(default_factory=dict)
    # Under SITE: all that wait, all that run, and the site-wide ones of both.
    _waiting: _Line = field(default_factory=_Line)
    _running: _Line = field(default_factory=_Line)
    _waiting_alone: _Line = field(default_factory=_Line)
    _running_alone: _Line = field(default_factory=_Line)
    _touched: set[str] = field(default_factory=set)

    def enter(self, task_id: str, arrived: int, source: str) -> None:
        """Note a new task whose nodes are not known yet.

        Younger ones whose design comes from the same reference, `source`, wait behind it.
        """
        claim = _Claim((arrived, task_id), source)
        self._claims[task_id] = claim
        self._loading.add(source, claim.order)

    def resolve(self, task_id: str, nodes: Iterable[str], *, is_alone: bool = False) -> None:
        """Say what an entered task wants: `nodes`, or the whole site alone."""
        claim = self._claims[task_id]
        claim.nodes, claim.is_alone = tuple(nodes), is_alone
        self._loading.remove(claim.source, claim.order)
        claim.phase = Phase.WAITING
        self._want(claim)
        self._place(claim)
        self._touched.add(task_id)
        self._touch_same_source(claim)

    def hold(
        self,
        task_id: str,
        arrived: int,
        source: str,
        nodes: Iterable[str],
        *,
        is_alone: bool = False,
    ) -> None:
        """Note a task that is running already: one found so after a restart."""
        claim = _Claim((arrived, task_id), source, tuple(nodes), is_alone, Phase.RUNNING)
        self._claims[task_id] = claim
        self._want(claim)
        self._holder.update(dict.fromkeys(claim.nodes, claim.order))
        self._place(claim)

    def leave(self, task_id: str) -> bool:
        """Take a task out; return whether it was there."""
        claim = self._claims.pop(task_id, None)
        if claim is None:
            return False
        if claim.phase is Phase.LOADING:
            self._loading.remove(claim.source, claim.order)
            self._touch_same_source(claim)
            return True
        self._unplace(claim)
        for node in claim.nodes:
            self._wanted.remove(node, claim.order)
            if self._holder.get(node) == claim.order:
                del self._holder[node]
            self._touch(self._wanted.first(node))
        if claim.is_alone:
            self._touch_behind(claim)
        self._touch(self._waiting.first(SITE))
        return True

    def take_ready(self) -> list[str]:
        """Return the tasks that may start now, oldest first, and count them as running."""
        ready = []
        for claim in self._touched_claims():
            if claim.phase is Phase.WAITING and self._blocker(claim) is None:
                self._unplace(claim)
                claim.phase = Phase.RUNNING
                self._place(claim)
                # At once for all: a task may have ten thousand nodes.
                self._holder.update(dict.fromkeys(claim.nodes, claim.order))
                self._touched.discard(claim.order[1])
                ready.append(claim.order[1])
        return ready

    def take_waiting(self) -> list[tuple[str, Blocker]]:
        """Return the touched tasks that still wait, with what they wait for now."""
        waiting = []
        for claim in self._touched_claims():
            blocker = self._blocker(claim) if claim.phase is Phase.WAITING else None
            if blocker is not None:
                waiting.append((claim.order[1], blocker))
        self._touched.clear()
        return waiting

    def blocker(self, task_id: str) -> Blocker | None:
        """Return what `task_id` waits for; None when it runs or could, or is not known."""
        claim = self._claims.get(task_id)
        if claim is None or claim.phase is not Phase.WAITING:
            return None
        return self._blocker(claim)

    # -- who is in the way -------------------------------------------------------------

    def _blocker(self, claim: _Claim) -> Blocker | None:
        loading = self._loading.first(claim.source)
        if loading is not None and loading < claim.order:
            return Blocker(loading[1], is_loading=True)
        running, waiting = self._running, self._waiting
        if not claim.is_alone:
            running, waiting = self._running_alone, self._waiting_alone
        other = _in_the_way(running.first(SITE), waiting.first(SITE), claim.order)
        if other is not None:
            return Blocker(other[1])
        for node in claim.nodes:
            wanted = self._wanted.first(node)
            holder = _in_the_way(self._holder.get(node), wanted, claim.order)
            if holder is not None:
                its_nodes = frozenset(self._claims[holder[1]].nodes)
                return Blocker(holder[1], tuple(n for n in claim.nodes if n in its_nodes))
        return None

    # -- places in the lines -----------------------------------------------------------

    def _want(self, claim: _Claim) -> None:
        for node in claim.nodes:
            self._wanted.add(node, claim.order)

    def _place(self, claim: _Claim) -> None:
        for line, name in self._lines_of(claim):
            line.add(name, claim.order)

    def _unplace(self, claim: _Claim) -> None:
        for line, name in self._lines_of(claim):
            line.remove(name, claim.order)

    def _lines_of(self, claim: _Claim) -> Iterable[tuple[_Line, str]]:
        is_running = claim.phase is Phase.RUNNING
        yield (self._running if is_running else self._waiting), SITE
        if claim.is_alone:
            yield (self._running_alone if is_running else self._waiting_alone), SITE
        if not is_running:
            yield self._loaded, claim.source

    # -- who may have become free ------------------------------------------------------

    def _touch(self, order: Order | None) -> None:
        if order is not None:
            self._touched.add(order[1])

    def _touch_same_source(self, claim: _Claim) -> None:
        """A reference has one task less that is being loaded."""
        following = self._loading.first(claim.source)
        for order in self._loaded.between(claim.source, claim.order, following):
            self._touch(order)

    def _touch_behind(self, claim: _Claim) -> None:
        """A site-wide task is gone: those up to the next one were held up by it."""
        start = None if claim.phase is Phase.RUNNING else claim.order
        following = self._waiting_alone.first(SITE)
        for order in self._waiting.between(SITE, start, following):
            self._touch(order)

    def _touched_claims(self) -> list[_Claim]:
        touched = [self._claims[task_id] for task_id in self._touched if task_id in self._claims]
        return sorted(touched, key=lambda claim: claim.order)


def _in_the_way(running: Order | None, waiting: Order | None, order: Order) -> Order | None:
    """Whoever runs is, and of those who wait the older ones."""
    if running is not None:
        return running
    return waiting if waiting is not None and waiting < order else None

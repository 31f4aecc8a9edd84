"""A task as a tree of steps and nodes, kept up to date by the events of its stream. Pure data."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from drydockd.api.cause import of_any_node
from drydockd.model import ResultStatus, TaskStatus
from drydockd.web.looks import LOOKS as ICONS

# So many causes are told apart on a page, and so many nodes of one are named.
MOST_CAUSES = 20


class State(StrEnum):
    """What a task, a step or a node is shown as; failures come first, then what is at work."""

    FAILED = "failed"
    PARTLY = "partly"
    CANCELLED = "cancelled"
    STOPPING = "stopping"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"

    @property
    def icon(self) -> str:
        return ICONS[LOOKS[self]]

    @property
    def look(self) -> str:
        """The class of the style sheet."""
        return LOOKS[self]

    @property
    def rank(self) -> int:
        return RANKS[self]


LOOKS = {
    State.FAILED: "bad",
    State.PARTLY: "bad",
    State.CANCELLED: "off",
    State.STOPPING: "busy",
    State.RUNNING: "busy",
    State.WAITING: "wait",
    State.DONE: "good",
}
RANKS = {state: rank for rank, state in enumerate(State)}
OF_RESULT = {
    ResultStatus.SUCCESS: State.DONE,
    ResultStatus.PARTIAL_SUCCESS: State.PARTLY,
    ResultStatus.FAILURE: State.FAILED,
}


def state_of(status: str, result: str) -> State:
    """Return what a record with this status and this result is shown as."""
    if status == TaskStatus.TERMINATED:
        return State.CANCELLED
    if status == TaskStatus.COMPLETE:
        return OF_RESULT.get(ResultStatus(result), State.FAILED)
    if status == TaskStatus.TERMINATING:
        return State.STOPPING
    return State.RUNNING if status == TaskStatus.RUNNING else State.WAITING


@dataclass(slots=True)
class Record:
    """One task record of the tree as its last event told it."""

    task_id: str
    parent: str | None
    action: str
    state: State
    is_final: bool
    retry: int
    started: str | None
    deadline: str | None
    updated: str
    nodes: int
    node: str | None

    @property
    def ended(self) -> str | None:
        return self.updated if self.is_final else None


def record_of(data: Mapping[str, object]) -> Record:
    """Return what the data of a ``state`` or ``node`` event say."""
    status, result = str(data["status"]), str(data["result"])
    node, count = data.get("node"), data.get("nodes", 1)
    return Record(
        task_id=str(data["task_id"]),
        parent=_text(data["parent_task_id"]),
        action=str(data["action"]),
        state=state_of(status, result),
        is_final=TaskStatus(status).is_final,
        retry=int(str(data["retry"])),
        started=_text(data["started"]),
        deadline=_text(data["deadline"]),
        updated=str(data["updated"]),
        nodes=int(str(count)),
        node=_text(node),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


class Tally:
    """Which names are in which state; asking costs the same whatever their number."""

    def __init__(self) -> None:
        self._states: dict[str, State] = {}
        self._names: dict[State, dict[str, None]] = {state: {} for state in State}

    def put(self, name: str, state: State) -> None:
        known = self._states.get(name)
        if known is state:
            return
        if known is not None:
            del self._names[known][name]
        self._states[name] = state
        self._names[state][name] = None

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, name: object) -> bool:
        return name in self._states

    def of(self, name: str) -> State | None:
        return self._states.get(name)

    def names(self, state: State) -> list[str]:
        return sorted(self._names[state])

    def counts(self, expected: int, missing: State) -> list[tuple[State, int]]:
        """How many are in which state, failures first; up to `expected` the rest are `missing`."""
        counted = {state: len(names) for state, names in self._names.items()}
        counted[missing] += max(0, expected - len(self._states))
        return [(state, count) for state, count in counted.items() if count]

    def first(self, most: int, done: int) -> list[str]:
        """Return up to `most` names, failures first, then by name; of those done up to `done`."""
        found: list[str] = []
        for state, names in self._names.items():
            room = (done if state is State.DONE else most) - len(found)
            found += heapq.nsmallest(max(0, room), names)
        return found


@dataclass(slots=True)
class Step:
    """A step of the task: its own records, and the latest attempt of each node in it.

    A task whose nodes go their own ways has a record of each step for each of them.
    """

    action: str
    records: dict[str, Record] = field(default_factory=dict)
    nodes: dict[str, Record] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)

    def take(self, record: Record) -> None:
        """Add a record of the step itself."""
        self.records[record.task_id] = record

    def attempt(self, node: str, record: Record) -> None:
        """Add the record of one node in it."""
        self.nodes[node] = record
        self.tally.put(node, record.state)

    @property
    def state(self) -> State:
        """Of many records the one that needs most attention; of one record its own."""
        records = self.records or self.nodes
        return min((record.state for record in records.values()), key=lambda s: s.rank)

    @property
    def started(self) -> str | None:
        return min((r.started for r in self.records.values() if r.started), default=None)

    @property
    def ended(self) -> str | None:
        """When all of it had ended; None before."""
        if not all(record.is_final for record in self.records.values()):
            return None
        return max((record.updated for record in self.records.values()), default=None)

    @property
    def expected(self) -> int:
        """How many nodes it is for; 0: it is the site's."""
        return max(len(self.nodes), sum(record.nodes for record in self.records.values()))

    @property
    def counts(self) -> list[tuple[State, int]]:
        """How many nodes are in which state, failures first; who has not come yet waits."""
        expected = self.expected if self.ended is None else 0
        return self.tally.counts(expected, State.WAITING)

    def shown(self, most: int, done: int) -> list[Record]:
        """Return the attempts to show, failures first, then by name; `most` of them.

        Those that are done are of least interest: only so many that there are `done` in all.
        """
        return [self.nodes[name] for name in self.tally.first(most, done)]


@dataclass(frozen=True, slots=True)
class Cause:
    """Why nodes failed at one step: a sentence, as the first of them had it."""

    step: str
    text: str
    nodes: tuple[str, ...]
    step_task_id: str


class Tree:
    """The tree of one top-level task.

    `last_step` is the step after which a node is done; `reason` gives the message of a record's
    result, None where there is none.
    """

    def __init__(
        self, root_id: str, last_step: str, reason: Callable[[str], str | None] = lambda _: None
    ) -> None:
        self.root_id = root_id
        self.root: Record | None = None
        self.steps: dict[str, Step] = {}
        self.attempts: dict[str, list[Record]] = {}
        self.tally = Tally()
        self._branches: dict[str, Record] = {}
        self._last_step = last_step
        self._reason = reason
        # What was last said of a node as a failure, by the task itself.
        self._refused: dict[str, str] = {}

    # -- what comes in

    def take(self, kind: str, data: Mapping[str, object]) -> Record:
        """Add what an event of `kind`, ``state`` or ``node``, tells; the later one counts.

        They may come in any order: of a tree as it is, a step stands behind its nodes.
        """
        record = record_of(data)
        if record.task_id == self.root_id:
            self.root = record
            self._count(*self._names())
        elif kind == "node" and record.node is not None:
            if record.parent == self.root_id:
                self._branches[record.node] = record
            else:
                self._step(record).attempt(record.node, record)
                self._attempt(record)
            self._count(record.node)
        else:
            self._step(record).take(record)
        return record

    def end(self, successes: Iterable[str], failures: Iterable[str]) -> None:
        """Add what the task's result says of its nodes; that is the last word."""
        for name in successes:
            self.tally.put(name, State.DONE)
        for name in failures:
            self.tally.put(name, State.FAILED)

    def refuse(self, node: str, text: str) -> None:
        """Add that the task itself said that the node failed."""
        self._refused[node] = text
        self._count(node)

    def _step(self, record: Record) -> Step:
        return self.steps.setdefault(record.action, Step(record.action))

    def _attempt(self, record: Record) -> None:
        tried = self.attempts.setdefault(record.node or "", [])
        for place, known in enumerate(tried):
            if known.task_id == record.task_id:
                tried[place] = record
                return
        tried.append(record)

    def _count(self, *names: str) -> None:
        for name in names:
            self.tally.put(name, self._state_of(name))

    def _names(self) -> list[str]:
        """The nodes that were seen at work or refused, each once."""
        return list(dict.fromkeys((*self._branches, *self.attempts, *self._refused)))

    def _state_of(self, name: str) -> State:
        """Return how the node is in the task as a whole."""
        own = self._branches.get(name)
        if own is not None and own.is_final:
            return own.state
        if name in self._refused:
            return State.FAILED
        tried = self.attempts.get(name)
        if not tried:
            return own.state if own else State.WAITING
        latest = tried[-1]
        is_over = self.root is not None and self.root.is_final
        if latest.state is State.DONE and latest.action != self._last_step:
            return State.CANCELLED if is_over else State.RUNNING
        if latest.state is State.FAILED and not is_over:
            return State.RUNNING  # it may be tried again; the task says when it is not
        return latest.state

    # -- what is shown

    @property
    def counts(self) -> list[tuple[State, int]]:
        """How many nodes of the task are in which state, failures first."""
        if self.root is None:
            return []
        missing = State.CANCELLED if self.root.is_final else State.WAITING
        return self.tally.counts(self.root.nodes, missing)

    @property
    def causes(self) -> list[Cause]:
        """Why nodes failed, the cause with most nodes first."""
        return grouped(self._failure(name) for name in self.tally.names(State.FAILED))[:MOST_CAUSES]

    def _failure(self, name: str) -> tuple[str, str, str, str]:
        """Return of a failed node: its name, the step, why, the record that tells of it."""
        tried = reversed(self.attempts.get(name, []))
        failed = next((one for one in tried if one.state is State.FAILED), None)
        said = self._refused.get(name) or ""
        if failed is None:
            return name, "", said, self.root_id
        return name, failed.action, self._reason(failed.task_id) or said, failed.task_id


def grouped(failures: Iterable[tuple[str, str, str, str]]) -> list[Cause]:
    """Return failures (node, step, why, record) by cause, whatever node or time is named in it."""
    found: dict[tuple[str, str], tuple[str, str, list[str]]] = {}
    for node, step, why, task_id in failures:
        key = step, of_any_node(why, node)
        _, _, nodes = found.setdefault(key, (why, task_id, []))
        nodes.append(node)
    causes = [
        Cause(step, sentence(why, nodes), tuple(nodes), task_id)
        for (step, _), (why, task_id, nodes) in found.items()
    ]
    return sorted(causes, key=lambda cause: -len(cause.nodes))


def sentence(why: str, nodes: list[str]) -> str:
    """Return the cause as one of all these nodes: what is only the first one's is left out."""
    text = why.strip() or "no reason was given"
    for lead in (f"{nodes[0]}: ", f"Node {nodes[0]}: "):
        text = text.removeprefix(lead)
    return text if len(nodes) == 1 else of_any_node(text, nodes[0]).replace("*", "…")

"""The records in memory, and the indexes every query of the API needs."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from drydockd.model import BootAction, BootContext, Intent, Task, TaskStatus
from drydockd.store.codec import BuildRow, Row, key_of
from drydockd.store.order import Order, Place


class MessageLog:
    """The messages of one task: `tails` in sequence, from 1 (see codec.message_tail)."""

    __slots__ = ("errors", "tails")

    def __init__(self) -> None:
        self.tails: list[bytes] = []
        self.errors = 0

    def append(self, tail: bytes) -> None:
        self.tails.append(tail)
        self.errors += tail.startswith(b"true")


@dataclass(slots=True)
class Frozen:
    """All records as they were at one moment; readable from another thread.

    Rows are immutable, so copies of the outer dicts freeze them. Message logs only grow:
    `cuts` holds the length at that moment of those that grew since.
    """

    rows: dict[str, dict[str, Any]]
    logs: dict[str, MessageLog]
    cuts: dict[MessageLog, int] = field(default_factory=dict)

    def tails(self, log: MessageLog) -> list[bytes]:
        # First the copy, then the cut: an append in between has noted the cut before.
        tails = log.tails[:]
        cut = self.cuts.get(log)
        return tails if cut is None else tails[:cut]


def _place(task: Task) -> Place:
    return (task.created, task.task_id)


class Tables:
    """Rows by key and their indexes. No disk, no rules: it believes what it is given."""

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.boot_contexts: dict[str, BootContext] = {}
        self.boot_actions: dict[str, BootAction] = {}
        self.build_data: dict[str, BuildRow] = {}
        self.intents: dict[str, Intent] = {}
        self.rows: dict[str, dict[str, Any]] = {
            "tasks": self.tasks,
            "boot_contexts": self.boot_contexts,
            "boot_actions": self.boot_actions,
            "build_data": self.build_data,
            "intents": self.intents,
        }
        self.logs: dict[str, MessageLog] = {}
        self.message_count = 0

        self.all_tasks = Order()
        self.unfinished_roots = Order()
        self.by_status: dict[TaskStatus, Order] = {status: Order() for status in TaskStatus}
        self.by_action: dict[str, Order] = {}
        self.by_scope: dict[str, Order] = {}
        self.children: dict[str, list[str]] = {}
        self.actions_by_node: dict[str, dict[str, list[str]]] = {}
        self.actions_by_task: dict[str, list[str]] = {}
        self.intents_by_task: dict[str, list[str]] = {}
        # node -> generator -> (collected, arrival, id), oldest first
        self.data_by_node: dict[str, dict[str, list[tuple[str, int, str]]]] = {}
        self.data_by_task: dict[str, list[tuple[str, int, str]]] = {}
        self._data_place: dict[str, tuple[str, int, str]] = {}
        self._arrivals = 0
        self.blob_uses: dict[str, int] = {}
        self._frozen: Frozen | None = None

    # -- rows

    def put(self, table: str, key: str, row: Row) -> None:
        old = self.rows[table].get(key)
        self.rows[table][key] = row
        if table == "tasks":
            self._index_task(old, row)  # type: ignore[arg-type]
        elif old is None or _filed_under(table, old) != _filed_under(table, row):
            if old is not None:
                self._unindex(table, key, old)
            self._index(table, key, row)
        self._count_blob(old, -1)
        self._count_blob(row, 1)

    def remove(self, table: str, key: str) -> None:
        old = self.rows[table].pop(key, None)
        if old is None:
            return
        self._count_blob(old, -1)
        if table != "tasks":
            self._unindex(table, key, old)
            return
        self._index_task(old, None)
        log = self.logs.pop(key, None)
        if log is not None:
            self.message_count -= len(log.tails)

    def append_message(self, task_id: str, tail: bytes) -> None:
        log = self.logs.get(task_id)
        if log is None:
            log = self.logs[task_id] = MessageLog()
        if self._frozen is not None:
            self._frozen.cuts.setdefault(log, len(log.tails))
        log.append(tail)
        self.message_count += 1

    def load(self, table: str, row: Any) -> None:
        """Put a row under its own key."""
        self.put(table, key_of(table, row), row)

    def new_log(self, task_id: str) -> MessageLog:
        """Begin the message log of a task."""
        task = self.tasks.get(task_id)
        log = self.logs[task.task_id if task else task_id] = MessageLog()
        return log

    # -- snapshots

    def freeze(self) -> Frozen:
        """Note everything as it is now; at 100,000 tasks this takes a few milliseconds."""
        rows = {name: table.copy() for name, table in self.rows.items()}
        self._frozen = Frozen(rows, self.logs.copy())
        return self._frozen

    def thaw(self) -> None:
        self._frozen = None

    # -- indexes

    def _index_task(self, old: Task | None, new: Task | None) -> None:
        if old is None or new is None or _place(old) != _place(new):
            if old is not None:
                self._task_places(old, add=False)
            if new is not None:
                self._task_places(new, add=True)
            return
        place = _place(new)
        if old.status is not new.status:
            self.by_status[old.status].discard(place)
            self.by_status[new.status].add(place)
        if old.action is not new.action:
            self._drop(self.by_action, old.action, place)
            self.by_action.setdefault(new.action, Order()).add(place)
        if old.scope != new.scope:
            self._scope_places(old, add=False)
            self._scope_places(new, add=True)
        if old.parent_task_id != new.parent_task_id:
            self._child(old, add=False)
            self._child(new, add=True)
        if (was := _is_unfinished_root(old)) != (now := _is_unfinished_root(new)):
            if was:
                self.unfinished_roots.discard(place)
            if now:
                self.unfinished_roots.add(place)

    def _task_places(self, task: Task, *, add: bool) -> None:
        place = _place(task)
        orders = [self.all_tasks, self.by_status[task.status]]
        if _is_unfinished_root(task):
            orders.append(self.unfinished_roots)
        for order in orders:
            order.add(place) if add else order.discard(place)
        if add:
            self.by_action.setdefault(task.action, Order()).add(place)
        else:
            self._drop(self.by_action, task.action, place)
        self._scope_places(task, add=add)
        self._child(task, add=add)

    def _scope_places(self, task: Task, *, add: bool) -> None:
        place = _place(task)
        for node in task.scope:
            if add:
                self.by_scope.setdefault(node, Order()).add(place)
            else:
                self._drop(self.by_scope, node, place)

    def _child(self, task: Task, *, add: bool) -> None:
        if task.parent_task_id is None:
            return
        if add:
            self.children.setdefault(task.parent_task_id, []).append(task.task_id)
        else:
            _drop_key(self.children, task.parent_task_id, task.task_id)

    @staticmethod
    def _drop(index: dict[str, Order], name: str, place: Place) -> None:
        order = index.get(name)
        if order is not None:
            order.discard(place)
            if not order:
                del index[name]

    def _index(self, table: str, key: str, row: Any) -> None:
        if table == "boot_actions":
            contexts = self.actions_by_node.setdefault(row.node, {})
            contexts.setdefault(row.context_id, []).append(key)
            self.actions_by_task.setdefault(row.task_id, []).append(key)
        elif table == "intents":
            self.intents_by_task.setdefault(row.task_id, []).append(key)
        elif table == "build_data":
            self._arrivals += 1
            place = self._data_place[key] = (row.record.collected, self._arrivals, key)
            generators = self.data_by_node.setdefault(row.record.node, {})
            insort(generators.setdefault(row.record.generator, []), place)
            insort(self.data_by_task.setdefault(row.record.task_id, []), place)

    def _unindex(self, table: str, key: str, row: Any) -> None:
        if table == "boot_actions":
            contexts = self.actions_by_node[row.node]
            _drop_key(contexts, row.context_id, key)
            if not contexts:
                del self.actions_by_node[row.node]
            _drop_key(self.actions_by_task, row.task_id, key)
        elif table == "intents":
            _drop_key(self.intents_by_task, row.task_id, key)
        elif table == "build_data":
            place = self._data_place.pop(key)
            generators = self.data_by_node[row.record.node]
            _drop_key(generators, row.record.generator, place)
            if not generators:
                del self.data_by_node[row.record.node]
            _drop_key(self.data_by_task, row.record.task_id, place)

    def _count_blob(self, row: Any, step: int) -> None:
        digest = blob_named(row)
        if not digest:
            return
        uses = self.blob_uses.get(digest, 0) + step
        if uses:
            self.blob_uses[digest] = uses
        else:
            self.blob_uses.pop(digest, None)


def blob_named(row: Row | None) -> str:
    """Return the digest of the blob `row` names, or nothing."""
    if isinstance(row, Task | BootContext):
        return row.design
    if isinstance(row, BuildRow):
        return row.blob
    return ""


def _filed_under(table: str, row: Any) -> tuple[str, ...]:
    if table == "boot_actions":
        return (row.node, row.context_id, row.task_id)
    if table == "intents":
        return (row.task_id,)
    if table == "build_data":
        record = row.record
        return (record.node, record.task_id, record.generator, record.collected)
    return ()


def _is_unfinished_root(task: Task) -> bool:
    return task.parent_task_id is None and not task.status.is_final


def _drop_key(index: dict[str, list[Any]], name: str, key: object) -> None:
    keys = index[name]
    keys.remove(key)
    if not keys:
        del index[name]


def in_creation_order(rows: Iterable[Any]) -> list[Any]:
    """Sort by `created`; equals stay as they arrived."""
    return sorted(rows, key=lambda row: row.created)

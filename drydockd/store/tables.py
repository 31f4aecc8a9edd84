"""The records in memory, and the indexes every query of the API needs."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import Any

from drydockd.garbage import untrack
from drydockd.model import BootAction, BootContext, DriverRecord, Intent, Task, TaskStatus
from drydockd.store.codec import (
    MESSAGES,
    BuildRow,
    Document,
    Row,
    decode_row,
    encode_row,
    key_of,
    with_arrival,
)
from drydockd.store.frozen import ARRIVAL, Frozen, MessageLog
from drydockd.store.giveway import GiveWay, nobody_waits
from drydockd.store.named import NAMING, blobs_named
from drydockd.store.order import Order, Place


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
        self.driver_records: dict[str, DriverRecord] = {}
        self.rows: dict[str, dict[str, Any]] = {
            "tasks": self.tasks,
            "boot_contexts": self.boot_contexts,
            "boot_actions": self.boot_actions,
            "build_data": self.build_data,
            "intents": self.intents,
            "driver_records": self.driver_records,
        }
        self.logs: dict[str, MessageLog] = {}
        self.message_count = 0
        # Top-level task -> number of the write that first put it; 0: not known.
        self.arrival: dict[str, int] = {}
        self.all_tasks = Order()
        self.unfinished_roots = Order()
        self.by_status: dict[TaskStatus, Order] = {status: Order() for status in TaskStatus}
        self.by_action: dict[str, Order] = {}
        # Plain sorted lists: a task of ten thousand nodes enters as many of them in one turn,
        # and few tasks ever name the same node.
        self._by_scope: dict[str, list[Place]] = {}
        self.children: dict[str, list[str]] = {}
        self.actions_by_node: dict[str, dict[str, list[str]]] = {}
        self.actions_by_task: dict[str, list[str]] = {}
        self.intents_by_task: dict[str, list[str]] = {}
        self.records_by_driver: dict[str, list[str]] = {}
        # node -> generator -> (collected, arrival, id), oldest first
        self.data_by_node: dict[str, dict[str, list[tuple[str, int, str]]]] = {}
        self.data_by_task: dict[str, list[tuple[str, int, str]]] = {}
        self._data_place: dict[str, tuple[str, int, str]] = {}
        self._arrivals = 0
        self.blob_uses: dict[str, int] = {}
        # Parts of a pinned content -> how many pins name it; and the bytes of all that are there.
        self._pinned: dict[tuple[str, ...], int] = {}
        self.pinned_bytes = 0
        self._frozen: Frozen | None = None

    # -- rows

    def put(self, table: str, key: str, row: Row, seq: int = 0) -> None:
        """Insert or replace a row, as the write `seq` does."""
        old = self.rows[table].get(key)
        if self._frozen is not None:
            self._frozen.note(table, key, old)
        self.rows[table][key] = row
        untrack(row, *_parts(row))
        if table == "tasks":
            if old is None and row.parent_task_id is None:  # type: ignore[union-attr]
                self._note_arrival(key)
                self.arrival[key] = seq
            self._index_task(old, row)  # type: ignore[arg-type]
        elif old is None or _filed_under(table, old) != _filed_under(table, row):
            if old is not None:
                self._unindex(table, key, old)
            self._index(table, key, row)
        if table in NAMING:
            self._count_blobs(old, row)

    def remove(self, table: str, key: str) -> None:
        old = self.rows[table].get(key)
        if table == "tasks":
            self._remove_log(key)
        if old is None:
            return
        if self._frozen is not None:
            self._frozen.note(table, key, old)
        del self.rows[table][key]
        self._count_blobs(old, None)
        if table == "tasks":
            self._index_task(old, None)
            self._note_arrival(key)
            self.arrival.pop(key, None)
        else:
            self._unindex(table, key, old)

    def append_message(self, task_id: str, tail: bytes) -> None:
        self._log_to_add_to(task_id).append(tail)
        self.message_count += 1

    def append_messages(self, task_id: str, tails: Sequence[bytes]) -> None:
        self._log_to_add_to(task_id).extend(tails)
        self.message_count += len(tails)

    def _log_to_add_to(self, task_id: str) -> MessageLog:
        log = self.logs.get(task_id)
        if log is None:
            log = self.new_log(task_id)
        if self._frozen is not None:
            self._frozen.cuts.setdefault(log, len(log.tails))
        return log

    def _remove_log(self, task_id: str) -> None:
        log = self.logs.get(task_id)
        if log is not None:
            if self._frozen is not None:
                self._frozen.note(MESSAGES, task_id, log)
            del self.logs[task_id]
            self.message_count -= len(log.tails)

    def load(self, table: str, row: Any, seq: int = 0) -> None:
        """Put a row under its own key."""
        self.put(table, key_of(table, row), row, seq)

    def load_document(self, table: str, document: Document, seq: int = 0) -> None:
        """Put the row of a document of the file or of the write `seq`. Raises StoreRefused."""
        if table == "tasks":
            seq = document.pop("arrival", seq)
        self.load(table, decode_row(table, document), seq)

    def document(self, table: str, key: str) -> bytes:
        """Return the row `key` as it stands in the file."""
        arrival = self.arrival.get(key) if table == "tasks" else None
        return with_arrival(encode_row(table, self.rows[table][key]), arrival)

    def number_arrivals(self, seq: int) -> None:
        """Number the top-level tasks that have none in the order they stand, up to `seq`.

        Files of format 1 had no numbers, and so many tasks that were older than `seq` writes
        in none of the files there are; if there were, the first numbers are negative.
        """
        unknown = [task_id for task_id in self.tasks if self.arrival.get(task_id) == 0]
        if not unknown:
            return
        for number, task_id in enumerate(unknown, seq - len(unknown) + 1):
            self.arrival[task_id] = number
        self.unfinished_roots = Order()
        for task_id in self.arrival:
            if not self.tasks[task_id].status.is_final:
                self.unfinished_roots.add((self.arrival[task_id], task_id))

    def _note_arrival(self, task_id: str) -> None:
        if self._frozen is not None:
            self._frozen.note(ARRIVAL, task_id, self.arrival.get(task_id))

    def new_log(self, task_id: str) -> MessageLog:
        """Begin the message log of a task."""
        if self._frozen is not None:
            self._frozen.note(MESSAGES, task_id, None)
        task = self.tasks.get(task_id)  # a task's own copy of its id is as good
        log = self.logs[task.task_id if task else task_id] = MessageLog()
        return log

    # -- snapshots

    def freeze(self, give_way: GiveWay = nobody_waits) -> Frozen:
        """Note everything as it is now, until `thaw`; one at a time.

        In a thread, that gives way in between, while nothing can change.
        """
        self._frozen = Frozen(self, give_way)
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
            _order(self.by_action, new.action).add(place)
        if old.scope != new.scope:  # of thousands, in another order as a rule
            before, after = set(old.scope), set(new.scope)
            self._scope_places(place, [n for n in old.scope if n not in after], add=False)
            self._scope_places(place, [n for n in new.scope if n not in before], add=True)
        if old.parent_task_id != new.parent_task_id:
            self._child(old, add=False)
            self._child(new, add=True)
        if (was := _is_unfinished_root(old)) != (now := _is_unfinished_root(new)):
            if was:
                self.unfinished_roots.discard(self._root_place(old))
            if now:
                self.unfinished_roots.add(self._root_place(new))

    def _task_places(self, task: Task, *, add: bool) -> None:
        place = _place(task)
        for order in (self.all_tasks, self.by_status[task.status]):
            order.add(place) if add else order.discard(place)
        if _is_unfinished_root(task):
            roots, mine = self.unfinished_roots, self._root_place(task)
            roots.add(mine) if add else roots.discard(mine)
        if add:
            _order(self.by_action, task.action).add(place)
        else:
            self._drop(self.by_action, task.action, place)
        self._scope_places(place, task.scope, add=add)
        self._child(task, add=add)

    def _root_place(self, task: Task) -> Place:
        return (self.arrival.get(task.task_id, 0), task.task_id)

    def _scope_places(self, place: Place, nodes: Iterable[str], *, add: bool) -> None:
        index = self._by_scope
        for node in nodes:
            places = index.get(node)
            if not add:
                if places is not None:
                    _drop_place(index, node, places, place)
            elif places is None:
                index[node] = places = [place]
                untrack(places)
            elif places[-1] < place:  # the newest, the usual case
                places.append(place)
            elif places[bisect_left(places, place)] != place:
                insort(places, place)

    def on_node(self, node: str) -> Order:
        """Return the tasks whose scope names `node`, for a look: not to be changed or kept."""
        return Order(self._by_scope.get(node))

    def nodes_of_tasks(self) -> list[str]:
        return sorted(self._by_scope)

    def _child(self, task: Task, *, add: bool) -> None:
        if task.parent_task_id is None:
            return
        if add:
            _line(self.children, task.parent_task_id).append(task.task_id)
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
            _line(contexts, row.context_id).append(key)
            untrack(contexts)  # again each time: what it is given would bring it back
            _line(self.actions_by_task, row.task_id).append(key)
        elif table == "intents":
            _line(self.intents_by_task, row.task_id).append(key)
        elif table == "driver_records":
            _line(self.records_by_driver, row.driver).append(key)
        elif table == "build_data":
            self._arrivals += 1
            place = self._data_place[key] = (row.record.collected, self._arrivals, key)
            generators = self.data_by_node.setdefault(row.record.node, {})
            insort(_line(generators, row.record.generator), place)
            untrack(generators)
            insort(_line(self.data_by_task, row.record.task_id), place)

    def _unindex(self, table: str, key: str, row: Any) -> None:
        if table == "boot_actions":
            contexts = self.actions_by_node[row.node]
            _drop_key(contexts, row.context_id, key)
            if not contexts:
                del self.actions_by_node[row.node]
            _drop_key(self.actions_by_task, row.task_id, key)
        elif table == "intents":
            _drop_key(self.intents_by_task, row.task_id, key)
        elif table == "driver_records":
            _drop_key(self.records_by_driver, row.driver, key)
        elif table == "build_data":
            place = self._data_place.pop(key)
            generators = self.data_by_node[row.record.node]
            _drop_key(generators, row.record.generator, place)
            if not generators:
                del self.data_by_node[row.record.node]
            _drop_key(self.data_by_task, row.record.task_id, place)

    def _count_blobs(self, old: Row | None, new: Row | None) -> None:
        was, now = blobs_named(old), blobs_named(new)
        if was == now:
            return
        for digest in now:
            self.blob_uses[digest] = self.blob_uses.get(digest, 0) + 1
        for digest in was:
            self.blob_uses[digest] -= 1
            if not self.blob_uses[digest]:
                del self.blob_uses[digest]
        self._count_pins(old, new)

    def _count_pins(self, old: Row | None, new: Row | None) -> None:
        for row, step in ((new, 1), (old, -1)):
            for pin in row.pins if isinstance(row, BootContext) else ():
                before = self._pinned.get(pin.parts, 0)
                self._pinned[pin.parts] = before + step
                if not before:
                    self.pinned_bytes += pin.packed
                elif not before + step:
                    del self._pinned[pin.parts]
                    self.pinned_bytes -= pin.packed


def _parts(row: Row) -> tuple[object, ...]:
    """What a row consists of besides text, numbers and what it shares with others."""
    if isinstance(row, Task):
        links = row.result.links
        return (row.result, links, *links) if links else (row.result,)
    return (row.record,) if isinstance(row, BuildRow) else ()


def _filed_under(table: str, row: Any) -> tuple[str, ...]:
    if table == "boot_actions":
        return (row.node, row.context_id, row.task_id)
    if table == "intents":
        return (row.task_id,)
    if table == "driver_records":
        return (row.driver,)
    if table == "build_data":
        record = row.record
        return (record.node, record.task_id, record.generator, record.collected)
    return ()


def _is_unfinished_root(task: Task) -> bool:
    return task.parent_task_id is None and not task.status.is_final


def _line(index: dict[str, list[Any]], name: str) -> list[Any]:
    """Return the list of keys under `name`, a new one if there is none."""
    line = index.get(name)
    if line is None:
        line = index[name] = []
        untrack(line)
    return line


def _order(index: dict[str, Order], name: str) -> Order:
    order = index.get(name)
    if order is None:
        order = index[name] = Order()
    return order


def _drop_key(index: dict[str, list[Any]], name: str, key: object) -> None:
    keys = index[name]
    keys.remove(key)
    if not keys:
        del index[name]


def _drop_place(
    index: dict[str, list[Place]], name: str, places: list[Place], place: Place
) -> None:
    at = bisect_left(places, place)
    if at < len(places) and places[at] == place:
        del places[at]
        if not places:
            del index[name]


def in_creation_order(rows: Iterable[Any]) -> list[Any]:
    """Sort by `created`; equals stay as they arrived."""
    return sorted(rows, key=lambda row: row.created)

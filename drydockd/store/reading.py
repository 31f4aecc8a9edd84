"""Everything of the Store protocol that only reads: answers from the tables in memory."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from drydockd.errors import NotFound, StoreRefused
from drydockd.store import codec
from drydockd.store.order import Order, Place
from drydockd.store.tables import in_creation_order

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drydockd.model import (
        Action,
        BootAction,
        BootContext,
        BuildData,
        DriverRecord,
        Intent,
        Message,
        Task,
        TaskStatus,
    )
    from drydockd.store.tables import Tables

ReadBlob = Callable[[str], bytes]

# Tasks looked at between two slices of a walk: half a millisecond.
LOOKS = 512


@dataclass(frozen=True, slots=True)
class _Query:
    status: TaskStatus | None
    action: Action | None
    node: str | None
    is_top_level: bool = False

    def matches(self, task: Task) -> bool:
        return (
            not (self.is_top_level and task.parent_task_id is not None)
            and (self.status is None or task.status == self.status)
            and (self.action is None or task.action == self.action)
            and (self.node is None or self.node in task.scope)
        )


class Reading:
    """The synchronous half of a Store. Method contracts: see base.Store."""

    def __init__(self, tables: Tables, read_blob: ReadBlob) -> None:
        self._tables = tables
        self._read_blob = read_blob

    def task(self, task_id: str) -> Task:
        try:
            return self._tables.tasks[task_id]
        except KeyError:
            raise NotFound(f"no task {task_id}") from None

    def tasks(
        self,
        *,
        status: TaskStatus | None = None,
        action: Action | None = None,
        node: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        slices = self.walk_tasks(status=status, action=action, node=node, after=after, limit=limit)
        return [task for some in slices for task in some]

    def walk_tasks(
        self,
        *,
        status: TaskStatus | None = None,
        action: Action | None = None,
        node: str | None = None,
        after: str | None = None,
        limit: int | None = None,
        top_level: bool = False,
        newest_first: bool = False,
    ) -> Iterator[list[Task]]:
        place: Place | None = None
        if after is not None:
            marked = self.task(after)
            place = (marked.created, marked.task_id)
        some = Order.some_before if newest_first else Order.some_after
        return self._walk(_Query(status, action, node, top_level), place, limit, some)

    def _walk(
        self,
        query: _Query,
        place: Place | None,
        limit: int | None,
        some: Callable[[Order, Place | None, int], list[Place]],
    ) -> Iterator[list[Task]]:
        left = sys.maxsize if limit is None else limit
        index = self._narrowest(query)
        while left > 0 and (places := some(index(), place, LOOKS)):
            found: list[Task] = []
            for place in places:
                task = self._tables.tasks[place[1]]
                if query.matches(task):
                    found.append(task)
                    if len(found) == left:
                        break
            left -= len(found)
            yield found

    def _narrowest(self, query: _Query) -> Callable[[], Order]:
        """Return a look at the shortest index of `query`: an index may go and come back."""
        tables = self._tables
        looks: list[Callable[[], Order]] = [lambda: tables.all_tasks]
        if (status := query.status) is not None:
            looks.append(lambda: tables.by_status[status])
        if (action := query.action) is not None:
            looks.append(lambda: tables.by_action.get(action, _EMPTY))
        if (node := query.node) is not None:
            looks.append(lambda: tables.on_node(node))
        return min(looks, key=lambda look: len(look()))

    def nodes_of_tasks(self) -> list[str]:
        return self._tables.nodes_of_tasks()

    def newest_on(self, node: str) -> Iterator[Task]:
        tasks = self._tables.tasks
        return (tasks[task_id] for task_id in self._tables.on_node(node).backwards())

    def arrival(self, task_id: str) -> int:
        try:
            return self._tables.arrival[task_id]
        except KeyError:
            raise NotFound(f"no top-level task {task_id}") from None

    def unfinished(self) -> list[Task]:
        tasks = self._tables.tasks
        return [tasks[task_id] for task_id in self._tables.unfinished_roots]

    def subtasks(self, task_id: str) -> list[Task]:
        tasks = self._tables.tasks
        return in_creation_order(tasks[key] for key in self._tables.children.get(task_id, ()))

    def subtask_ids(self, task_id: str) -> list[str]:
        return list(self._tables.children.get(task_id, ()))

    def messages(self, task_id: str, *, after: int = 0, limit: int | None = None) -> list[Message]:
        log = self._tables.logs.get(task_id)
        if log is None:
            return []
        after = max(after, 0)
        tails = log.tails[after : None if limit is None else after + limit]
        return [
            codec.decode_message(task_id, seq, tail)
            for seq, tail in enumerate(tails, start=after + 1)
        ]

    def message_count(self, task_id: str) -> int:
        log = self._tables.logs.get(task_id)
        return len(log.tails) if log else 0

    def error_count(self, task_id: str) -> int:
        log = self._tables.logs.get(task_id)
        return log.errors if log else 0

    def boot_context(self, node: str) -> BootContext:
        try:
            return self._tables.boot_contexts[node]
        except KeyError:
            raise NotFound(f"no boot context of node {node}") from None

    def boot_contexts(self) -> list[BootContext]:
        return list(self._tables.boot_contexts.values())

    def boot_action(self, action_id: str) -> BootAction:
        try:
            return self._tables.boot_actions[action_id]
        except KeyError:
            raise NotFound(f"no boot action {action_id}") from None

    def boot_actions(self, node: str, *, context_id: str | None = None) -> list[BootAction]:
        contexts = self._tables.actions_by_node.get(node, {})
        lists = list(contexts.values()) if context_id is None else [contexts.get(context_id, [])]
        rows = self._tables.boot_actions
        return in_creation_order(rows[key] for keys in lists for key in keys)

    def intents(self, task_id: str) -> list[Intent]:
        rows = self._tables.intents
        keys = self._tables.intents_by_task.get(task_id, ())
        return sorted((rows[key] for key in keys), key=lambda intent: intent.opened)

    def driver_record(self, key: str) -> DriverRecord | None:
        return self._tables.driver_records.get(key)

    def driver_records(self, driver: str) -> list[DriverRecord]:
        rows = self._tables.driver_records
        return [rows[key] for key in self._tables.records_by_driver.get(driver, ())]

    def build_data(
        self, *, node: str | None = None, task_id: str | None = None, latest: bool = False
    ) -> list[BuildData]:
        return list(self.walk_build_data(node=node, task_id=task_id, latest=latest))

    def walk_build_data(
        self,
        *,
        node: str | None = None,
        task_id: str | None = None,
        generator: str | None = None,
        data_format: str | None = None,
        latest: bool = False,
    ) -> Iterator[BuildData]:
        rows = self._tables.build_data
        for places in self._data_places(node, task_id):
            for _, _, key in reversed(places):
                # Another thread may be reading: a record may have gone meanwhile.
                row = rows.get(key)
                if row is None or (task_id is not None and row.record.task_id != task_id):
                    continue
                if generator is not None and row.record.generator != generator:
                    break
                if data_format is not None and row.record.data_format != data_format:
                    continue
                yield self._with_element(row)
                if latest:
                    break

    def has_build_data(self, build_data_id: str) -> bool:
        return build_data_id in self._tables.build_data

    def _data_places(self, node: str | None, task_id: str | None) -> Iterator[list[Any]]:
        """Places oldest first, one list per node and generator."""
        tables = self._tables
        if task_id is not None:
            yield from self._data_of_task(task_id, node)
            return
        if node is not None:
            nodes: Iterable[str] = (node,)
        else:
            nodes = sorted(tables.data_by_node.copy())
        for name in nodes:
            for _, places in sorted(tables.data_by_node.get(name, {}).copy().items()):
                yield places[:]

    def _data_of_task(self, task_id: str, node: str | None) -> Iterator[list[Any]]:
        groups: dict[tuple[str, str], list[Any]] = {}
        for place in self._tables.data_by_task.get(task_id, [])[:]:
            row = self._tables.build_data.get(place[2])
            if row is not None and node in (None, row.record.node):
                group = (row.record.node, row.record.generator)
                groups.setdefault(group, []).append(place)
        for _, places in sorted(groups.items()):
            yield places

    def _with_element(self, row: codec.BuildRow) -> BuildData:
        if not row.blob:
            return row.record
        try:
            element = self._read_blob(row.blob).decode()
        except NotFound as error:
            raise StoreRefused(
                f"build data {row.record.build_data_id} of {row.record.node}: its blob"
                f" {row.blob} is gone; see `drydock store check`"
            ) from error
        return replace(row.record, data_element=element)


_EMPTY = Order()

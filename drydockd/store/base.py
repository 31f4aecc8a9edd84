"""The seam to durable records: the Store protocol and the changes one write is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from drydockd.model import (
    Action,
    BootAction,
    BootContext,
    BuildData,
    DriverRecord,
    Intent,
    Message,
    Record,
    Task,
    TaskStatus,
    Timestamp,
)
from drydockd.store.news import News, Wording
from drydockd.store.past import Past

R = TypeVar("R", Task, BootContext, BootAction, Intent, DriverRecord)


@dataclass(frozen=True, slots=True)
class Put:
    """Insert `record`, or replace the one with its key.

    Keys: Task.task_id, BootContext.node, BootAction.action_id, Intent.key, DriverRecord.key,
    BuildData.build_data_id (given by the store if empty). A Message is appended: the store
    gives it the next `seq` of its task, and `ts` if empty; NotFound if there is no such task
    (one inserted by the same write will do). Values JSON cannot hold are InvalidInput.
    """

    record: Record


@dataclass(frozen=True, slots=True)
class Edit(Generic[R]):
    """Replace the record `key` of type `kind` by ``edit(record)``: compare-and-set.

    `edit` is a pure function, called synchronously on the newest value, writes still on their
    way to disk included. It may be called more than once: where several daemons write, again
    on what another one was ahead with; the last call counts. It may raise (Conflict ...):
    then the whole write is refused and nothing changed. Returning the very same object
    changes nothing. NotFound if there is no such record.
    """

    kind: type[R]
    key: str
    edit: Callable[[R], R]


@dataclass(frozen=True, slots=True)
class Remove:
    """Delete the record `key` of `kind`; absent is fine. Removing a Task removes its messages."""

    kind: (
        type[Task]
        | type[BootContext]
        | type[BootAction]
        | type[BuildData]
        | type[Intent]
        | type[DriverRecord]
    )
    key: str


@dataclass(frozen=True, slots=True)
class Say:
    """Append the messages of `wording` to the task's, all with the time of the write.

    The same as a Put of each, but what does not change from task to task is encoded once.
    """

    task_id: str
    wording: Wording


Change = (
    Put
    | Say
    | Edit[Task]
    | Edit[BootContext]
    | Edit[BootAction]
    | Edit[Intent]
    | Edit[DriverRecord]
    | Remove
)


@dataclass(frozen=True, slots=True)
class Purged:
    """What a retention run removed, in records."""

    tasks: int = 0
    messages: int = 0
    boot_actions: int = 0

    def __add__(self, other: Purged) -> Purged:
        return Purged(
            self.tasks + other.tasks,
            self.messages + other.messages,
            self.boot_actions + other.boot_actions,
        )


@dataclass(frozen=True, slots=True)
class Epoch:
    """The right to act for all daemons of a store; numbers only grow, each ends the one before.

    One that has a store for itself (`tiny`, `memory`) is never succeeded while it lives.
    """

    number: int


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """`error` is None while writes succeed, else the last failure in one line.

    `pinned_bytes`: what the pins of all boot contexts take, each content counted once.
    """

    error: str | None = None
    journal_bytes: int = 0
    tasks: int = 0
    messages: int = 0
    boot_contexts: int = 0
    pinned_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Member:
    """A daemon that shares the store. `applied`: the number of the newest write it showed.

    `settings`: what has to be the same everywhere -> a digest of what it is there.
    """

    name: str
    address: str
    version: str
    applied: int
    is_runner: bool
    silent_seconds: float
    settings: Mapping[str, str]


# Called with the number of the write and the new values it left.
Watcher = Callable[[int, News], None]


class Store(Protocol):
    """Durable records of one state directory. Event-loop thread only.

    Reads are synchronous and come from memory: what they see is on disk. Writes are
    awaited: when the await returns, the change is on disk (fdatasync) and survives a power
    cut. Everything in one ``write`` is applied, and recovered, together or not at all;
    writes take effect in the order of their calls. A write that raises StoreUnavailable
    (disk full, read-only) changed nothing; later writes work again as soon as the disk does.

    The store itself refuses, with Conflict: a change to the status, result, lists or
    `terminated*` of a task whose status is final (its `retried_by` and links may still
    grow), clearing `terminate`, and any change of a boot action whose status is final
    other than `closed`.
    """

    seq: int
    """The number of the newest visible write: it grows by one with each and none is given
    twice, whatever the clock does; over restarts, compactions, repairs and restores too
    (the latter two leave a gap)."""

    origin: int
    """When the store began, in microseconds since 1970; it never changes. For ids in the
    order of writes that lie above all clock times before: ``origin + seq * 1024 + index``."""

    async def write(self, *changes: Change, guard: Epoch | None = None) -> None:
        """Apply `changes` atomically. Raises Conflict, NotFound, StoreUnavailable.

        With `guard` only while that epoch lasts: Fenced, and nothing changed, once it is over.
        """
        ...

    async def fresh(self, seconds: float) -> None:
        """Return when reads show all that any daemon acknowledged before the call.

        Raises StoreStale if that cannot be had within `seconds`.
        """
        ...

    def silent_seconds(self) -> float:
        """For how long nothing has been heard from what all daemons share; 0: nothing is."""
        ...

    async def members(self) -> list[Member]:
        """The daemons that share the store, by name, gone ones too; empty where none may.

        Raises StoreUnavailable.
        """
        ...

    def task(self, task_id: str) -> Task:
        """Raises NotFound."""
        ...

    def tasks(
        self,
        *,
        status: TaskStatus | None = None,
        action: Action | None = None,
        node: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> list[Task]:
        """Tasks by `created`, then id. `node`: those whose scope names it.

        `after` is a task id (the page's marker); NotFound if it does not exist.
        """
        ...

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
        """The same as `tasks`, in slices of at most 512, some of them empty.

        `top_level`: subtasks are left out. `newest_first`: from the end, and `after` is the
        newest that is left out, with all that are newer.

        Whoever takes slices may let others run in between, for as long as it likes: each slice
        is of the moment it is taken, and the walk goes on behind the last place it looked at.
        A task that is there and matches all the while comes exactly once, one that came, went
        or changed meanwhile may; no task comes twice. Nothing is held in between.
        NotFound for `after` is raised by the call, not by the first slice.
        """
        ...

    def nodes_of_tasks(self) -> list[str]:
        """The names of all nodes that some task names, sorted."""
        ...

    def newest_on(self, node: str) -> Iterator[Task]:
        """Tasks of every level whose scope names `node`, the newest first.

        Each costs the same, whatever else the store holds; to be taken in one turn of the loop.
        """
        ...

    def unfinished(self) -> list[Task]:
        """Top-level tasks whose status is not final, by arrival."""
        ...

    def arrival(self, task_id: str) -> int:
        """The number (`seq`) of the write that first put a top-level task; it stays for life.

        Order by it (then id) instead of by `created`, which a clock set back turns round.
        Tasks of a state directory of format 1 have numbers that keep their order and lie
        below all newer ones. NotFound if there is no such task or it is a subtask.
        """
        ...

    def subtasks(self, task_id: str) -> list[Task]:
        """Direct subtasks in creation order."""
        ...

    def subtask_ids(self, task_id: str) -> list[str]:
        """The ids of direct subtasks as they were registered; empty if there is no such task."""
        ...

    def messages(self, task_id: str, *, after: int = 0, limit: int | None = None) -> list[Message]:
        """Messages of a task with ``seq > after``, in order; empty if there is no such task.

        `limit`: the first so many of them.
        """
        ...

    def message_count(self, task_id: str) -> int:
        """How many messages a task has, which is the `seq` of the last; costs nothing."""
        ...

    def error_count(self, task_id: str) -> int:
        """How many of its messages are errors; costs nothing."""
        ...

    def boot_context(self, node: str) -> BootContext:
        """The node's current context. Raises NotFound."""
        ...

    def boot_contexts(self) -> list[BootContext]:
        """All of them, in no order."""
        ...

    def boot_action(self, action_id: str) -> BootAction:
        """Raises NotFound."""
        ...

    def boot_actions(self, node: str, *, context_id: str | None = None) -> list[BootAction]:
        """All of a node, or those of one context, in creation order."""
        ...

    def build_data(
        self, *, node: str | None = None, task_id: str | None = None, latest: bool = False
    ) -> list[BuildData]:
        """Newest first within each generator; `latest`: only the newest per node and generator.

        Element text over 4 KiB lies in a blob; it is read here, so call it from a thread
        when many are expected (`build_data` may be called from any thread).
        """
        ...

    def walk_build_data(
        self,
        *,
        node: str | None = None,
        task_id: str | None = None,
        generator: str | None = None,
        data_format: str | None = None,
        latest: bool = False,
    ) -> Iterator[BuildData]:
        """The same one by one: an element is read when it is asked for, in any thread.

        Elements of others than `generator` and `data_format` are not read.
        """
        ...

    def has_build_data(self, build_data_id: str) -> bool:
        """Whether there is build data of this id; costs nothing."""
        ...

    def intents(self, task_id: str) -> list[Intent]:
        """Intent records of a task in opening order."""
        ...

    def driver_records(self, driver: str) -> list[DriverRecord]:
        """All records of a driver, in the order in which they were first put."""
        ...

    def driver_record(self, key: str) -> DriverRecord | None: ...

    async def put_blob(self, content: bytes, digest: str = "") -> str:
        """Keep `content`, durable; return its sha256 in hex. Writing it twice is free.

        `digest`: that sha256, from who worked it out already; what is known to be on disk
        under it is neither hashed nor looked at again.

        A blob is swept when no record names it; one just put is safe until the daemon stops
        or a record that named it goes.
        """
        ...

    def keep_blob(self, digest: str) -> bool:
        """Hold a blob that is there as if it was put once more; False if it is not there.

        For a further record that will name it: each that begins to name it takes one hold.
        """
        ...

    def drop_blob(self, digest: str) -> None:
        """Let go of one `put_blob` or `keep_blob` that no record will make use of."""
        ...

    async def blob(self, digest: str) -> bytes:
        """Content of a blob, checked against its digest. Raises NotFound, StoreRefused."""
        ...

    async def purge_tasks(self, *, before: Timestamp) -> Purged:
        """Delete whole trees: root created before `before`, every member final.

        Contract, tasks, section 7. Boot actions of removed tasks go unless they belong to
        their node's current context; build data stays. Each tree goes in one write, many
        small ones together, up to 256 records; other writes come in between. Only a tree
        longer than that leaves memory over several turns of the loop, its root first.
        Watchers are not told. Runs one after the other.
        """
        ...

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """Call ``watcher(seq, records)`` with each durable write; return the unsubscriber.

        `seq` is the number of the write, `records` the new values it left.

        Called on the loop, after the write is visible and before its await returns; it must
        not block or raise.
        """
        ...

    def past(self, after: int) -> Past:
        """Read the writes behind the write `after` again, as long as they are kept."""
        ...

    def health(self) -> StoreHealth: ...

    async def close(self) -> None:
        """Finish writes under way, compact if useful, release the lock. Safe to call twice."""
        ...

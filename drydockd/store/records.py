"""The one implementation of Store: tables, staging, reads and watchers over any Backend."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from drydockd.errors import Conflict, NotFound, StoreUnavailable
from drydockd.model import Record, Task, Timestamp
from drydockd.store.backend import Backend, Loaded
from drydockd.store.base import Change, Epoch, Member, Purged, StoreHealth, Watcher
from drydockd.store.named import NAMING, blobs_named, newly_named
from drydockd.store.news import News, Spoken, Unread
from drydockd.store.past import Past
from drydockd.store.reading import Reading
from drydockd.store.retention import purge_slices
from drydockd.store.staging import SLICE, Batch, Op, Staging, apply

log = logging.getLogger(__name__)

# Changes of one group that land in one turn of the loop, 2 to 5 ms with what watchers do; of more,
# SLICE in a turn.
AT_ONCE = 256


class Records(Reading):
    """A Store over `backend`, which held `loaded`. Method contracts: see base.Store.

    For the backend it is a backend.Landing.
    """

    def __init__(self, backend: Backend, loaded: Loaded) -> None:
        super().__init__(loaded.tables, backend.read_blob)
        self.backend = backend
        self.seq = loaded.seq
        self.origin = loaded.origin
        self._staging = Staging(loaded.tables)
        self._watchers: dict[object, Watcher] = {}
        # Blobs put and not yet named by a record, with how often they were put.
        self._held_blobs: dict[str, int] = {}
        self._landings: deque[tuple[Iterator[None], asyncio.Future[None]]] = deque()
        self._closing: asyncio.Task[None] | None = None
        self._purging = asyncio.Lock()
        backend.begin(self)

    def health(self) -> StoreHealth:
        tables = self._tables
        return replace(
            self.backend.health(),
            tasks=len(tables.tasks),
            messages=tables.message_count,
            boot_contexts=len(tables.boot_contexts),
            pinned_bytes=tables.pinned_bytes,
        )

    def past(self, after: int) -> Past:
        return self.backend.past(after)

    async def fresh(self, seconds: float) -> None:
        await self.backend.fresh(seconds)

    def silent_seconds(self) -> float:
        return self.backend.silent_seconds()

    async def members(self) -> list[Member]:
        return await self.backend.members()

    async def close(self) -> None:
        if self._closing is None:
            loop = asyncio.get_running_loop()
            self._closing = loop.create_task(self.backend.close(), name="store close")
        await asyncio.shield(self._closing)

    def _refuse_if_closed(self) -> None:
        if self._closing is not None:
            raise StoreUnavailable("the store is closed")

    # -- writing

    async def write(self, *changes: Change, guard: Epoch | None = None) -> None:
        self._refuse_if_closed()
        try:
            batch = self.stage(changes)
        except (Conflict, NotFound):
            if self.backend.shared_seconds is None:
                raise
            # Another daemon may have written already what makes it right.
            await self.backend.fresh(self.backend.shared_seconds)
            batch = self.stage(changes)
        await self._save(batch, guard)

    async def _save(self, batch: Batch, guard: Epoch | None = None) -> None:
        # Without a change there may still be something under way that it was based on.
        if batch.ops or not self._staging.is_empty() or self.backend.shared_seconds is not None:
            # None: it is done. Whoever writes in a loop must still let others run.
            await (self.backend.save(batch, guard) or asyncio.sleep(0))

    async def purge_tasks(self, *, before: Timestamp) -> Purged:
        async with self._purging:
            return await self._purge(before)

    async def _purge(self, before: Timestamp) -> Purged:
        total, opened = Purged(), set[tuple[str, str]]()

        def note(records: Sequence[Record]) -> None:
            # A tree that is being walked is not final any more when it gets one of these.
            for record in records:
                if isinstance(record, Task) and not record.status.is_final:
                    opened.add(("tasks", record.task_id))
                    opened.add(("tasks", record.parent_task_id or ""))

        leave = self.watch(lambda seq, records: note(records))
        try:
            for part in purge_slices(self._tables, before, SLICE):
                if part is None:
                    await asyncio.sleep(0)
                    continue
                self._refuse_if_closed()
                note(self._staging.tasks())
                if not opened.isdisjoint(part.long):
                    continue
                batch = self._staging.remove(part.ops, part.long)
                try:
                    await self._save(batch)
                except Conflict as conflict:
                    log.info("some tasks stay until the next purge: %s", conflict)
                else:
                    total += part.purged(batch.missed)
        finally:
            leave()
        return total

    # -- landing: called by the backend

    def stage(self, changes: Sequence[Change]) -> Batch:
        return self._staging.stage(changes)

    def forget(self) -> None:
        self._staging.forget()

    def again(self, batch: Batch) -> None:
        self._staging.again(batch)

    def retry(self, batch: Batch) -> Batch:
        if batch.changes or not batch.ops:
            return self._staging.stage(batch.changes)
        return self._remove_again(batch)

    def _remove_again(self, batch: Batch) -> Batch:
        rows = self._tables.rows
        ops = [op for op in batch.ops if op[1] in rows[op[0]]]
        for table, key, _, _ in ops:
            if table == "tasks" and not rows[table][key].status.is_final:
                raise Conflict(f"task {key} is {rows[table][key].status} again")
        batch.missed |= {op[1] for op in batch.ops if op[0] == "tasks"}.difference(
            op[1] for op in ops
        )
        again = self._staging.remove(ops, {op[:2] for op in ops} if batch.is_long else set())
        again.missed = batch.missed
        return again

    def builds_on(self, batch: Batch) -> bool:
        return self._staging.builds_on(batch.ops)

    def leap(self, seq: int, news: News) -> None:
        self._staging.forget()
        self.seq = seq
        # Also of nothing: what is remembered of the writes before has a hole behind it.
        self._tell(news)

    def land(self, batches: Sequence[Batch]) -> asyncio.Future[None] | None:
        count = 0
        for batch in batches:
            count += AT_ONCE + 1 if batch.is_long else len(batch.ops)
        if not self._landings and count <= AT_ONCE:
            for batch in batches:
                self._land(batch)
            return None
        done = asyncio.get_running_loop().create_future()
        self._landings.append((self._landing(batches), done))
        if len(self._landings) == 1:
            self._go_on_landing()
        return done

    def land_messages(self, messages: Sequence[tuple[str, bytes]]) -> None:
        tables = self._tables
        parts: list[Record | Spoken | Unread] = []
        for task_id, tail in messages:
            tables.append_message(task_id, tail)
            if self._watchers:
                parts.append(Unread(task_id, len(tables.logs[task_id].tails), tail))
        self.seq += 1
        if parts:
            news = News()
            news.parts = parts
            self._tell(news)

    def _go_on_landing(self) -> None:
        """Land a slice, then give way to the loop."""
        landing, done = self._landings[0]
        for _ in landing:
            break
        else:
            self._landings.popleft()
            if not done.done():
                done.set_result(None)
        if self._landings:
            asyncio.get_running_loop().call_soon(self._go_on_landing)

    def _landing(self, batches: Sequence[Batch]) -> Iterator[None]:
        landed = 0
        for batch in batches:
            if batch.is_long:
                yield from self._land_slowly(batch)
                continue
            landed += len(batch.ops)
            self._land(batch)
            if landed >= SLICE:
                landed = 0
                yield

    def _land(self, batch: Batch) -> None:
        self._apply(batch, batch.ops)
        self._staging.landed(batch, batch.ops)
        self.seq += 1
        if self._watchers and batch.news.parts:
            self._tell(batch.news)

    def _land_slowly(self, batch: Batch) -> Iterator[None]:
        """Remove a tree that is gone from disk, the root first: nobody finds half of it."""
        while batch.ops:
            self._apply(batch, batch.ops[:SLICE])
            del batch.ops[:SLICE]  # all of them at once would take 5 ms to let go of
            yield
        self._staging.landed(batch, ())
        self.seq += 1

    def _apply(self, batch: Batch, ops: Sequence[Op]) -> None:
        released = self._let_go_of_blobs(ops) if batch.rows or batch.is_long else ()
        apply(ops, self._tables, self.seq + 1)
        for digest in released:
            if self.is_unused(digest):
                self.backend.sweep_blob(digest)

    # -- watchers

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        ticket = object()
        self._watchers[ticket] = watcher

        def unsubscribe() -> None:
            self._watchers.pop(ticket, None)

        return unsubscribe

    def _tell(self, news: News) -> None:
        for watcher in list(self._watchers.values()):
            try:
                watcher(self.seq, news)
            except Exception:
                # The write is durable: a watcher's mistake must not make it look failed.
                log.exception("a watcher of the store failed")

    # -- blobs

    async def put_blob(self, content: bytes, digest: str = "") -> str:
        self._refuse_if_closed()
        if digest and self.backend.has_blob(digest):
            self._hold_blob(digest, 1)
            return digest
        digest = digest or await asyncio.to_thread(lambda: hashlib.sha256(content).hexdigest())
        self._hold_blob(digest, 1)  # before the disk is asked, so that no sweep comes between
        try:
            await self.backend.put_blob(digest, content)
        except StoreUnavailable:
            self._hold_blob(digest, -1)
            raise
        return digest

    async def blob(self, digest: str) -> bytes:
        return await asyncio.to_thread(self.backend.read_blob, digest)

    def keep_blob(self, digest: str) -> bool:
        if not self.backend.has_blob(digest):
            return False
        self._hold_blob(digest, 1)
        return True

    def drop_blob(self, digest: str) -> None:
        self._hold_blob(digest, -1)
        if self.is_unused(digest):
            self.backend.sweep_blob(digest)

    def _let_go_of_blobs(self, ops: Sequence[Op]) -> set[str]:
        released: set[str] = set()
        for table, key, row, _ in ops:
            if table not in NAMING or isinstance(row, bytes | tuple):
                continue
            old = self._tables.rows[table].get(key)
            before, after = blobs_named(old), blobs_named(row)
            if before != after:
                released.update(before)
            elif not after:
                continue  # as most tasks when they come
            for digest in newly_named(old, row):
                self._hold_blob(digest, -1)
        return released

    def _hold_blob(self, digest: str, step: int) -> None:
        held = self._held_blobs.get(digest, 0) + step
        if held > 0:
            self._held_blobs[digest] = held
        else:
            self._held_blobs.pop(digest, None)

    def is_unused(self, digest: str) -> bool:
        return (
            digest not in self._tables.blob_uses
            and digest not in self._held_blobs
            and not self._staging.names_blob(digest)
        )

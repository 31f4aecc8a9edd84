"""The backend `tiny`: records in memory, every write in the journal, all in a TinyDB file."""

from __future__ import annotations

import asyncio
import gc
import logging
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from drydockd.errors import InvalidInput, StoreRefused, StoreUnavailable
from drydockd.model import timestamp
from drydockd.store.backend import Backend, Landing, Loaded
from drydockd.store.base import Epoch, StoreHealth
from drydockd.store.blobs import Blobs
from drydockd.store.commit import QUICK_SECONDS, GroupCommit
from drydockd.store.disk import Disk, replace_file
from drydockd.store.folded import PAST_BYTES, JournalPast
from drydockd.store.format import FORMAT
from drydockd.store.frozen import Frozen
from drydockd.store.giveway import giving_way
from drydockd.store.journal import JournalWriter
from drydockd.store.layout import Meta
from drydockd.store.lines import Header, Journal, encode_ops
from drydockd.store.past import Past
from drydockd.store.records import Records
from drydockd.store.recovery import Recovered, an_origin, recover
from drydockd.store.staging import SLICE, Batch
from drydockd.store.statedir import Lock, StateDir, damaged_folder
from drydockd.store.storage import TinyFile
from drydockd.store.worker import Worker

log = logging.getLogger(__name__)

COMPACT_BYTES = 8 << 20
# A journal that is long enough is folded when nobody has written for so long, or at this many
# times its length (but never at so much more): folding costs a busy daemon processor time.
_QUIET_SECONDS = 1.0
_LONGEST, _LONGEST_MORE = 3, 128 << 20
PROBE_SECONDS = 5.0
# From so many records on the collector is told to leave them alone.
_MANY = 10_000


@dataclass(slots=True)
class _Opened:
    state: StateDir
    lock: Lock
    found: Recovered
    journal: JournalWriter
    blobs: Blobs
    file: TinyFile


async def open_backend(
    path: Path | None,
    *,
    compact_bytes: int = COMPACT_BYTES,
    probe_seconds: float = PROBE_SECONDS,
    quick_seconds: float = QUICK_SECONDS,
    past_bytes: int = PAST_BYTES,
    disk: Disk | None = None,
) -> tuple[TinyBackend, Loaded]:
    """Open the state directory `path`, made if need be. Raises StoreRefused, InvalidInput.

    The journal is folded into the file when it is longer than `compact_bytes` and than the
    file itself: as soon as nobody writes, at latest at three times that length. After a failed
    write the disk is tried again every `probe_seconds`. A disk that syncs within
    `quick_seconds` does so on the loop (see commit); 0: never. Folded journals are kept up to
    `past_bytes` (see past).
    """
    if path is None:
        raise InvalidInput("store backend 'tiny' needs the path of its state directory")
    opened = await asyncio.to_thread(_open, disk or Disk(), StateDir(path), past_bytes)
    found = opened.found
    if len(found.tables.tasks) + found.tables.message_count > _MANY:
        gc.freeze()  # what was loaded lives long: a full collection would stop the loop for it
    backend = TinyBackend(opened, compact_bytes, probe_seconds, quick_seconds)
    return backend, Loaded(found.tables, found.seq, found.origin)


async def open_tiny(path: Path | str, **options: Any) -> TinyStore:
    """Open the store of the state directory `path`; see open_backend."""
    return TinyStore(*await open_backend(Path(path), **options))


class TinyStore(Records):
    """Records over a TinyBackend."""

    backend: TinyBackend


def _open(disk: Disk, state: StateDir, past_bytes: int) -> _Opened:
    state.prepare(disk)
    lock = Lock(state)
    try:
        found = recover(state)
        for draft in state.drafts():
            disk.unlink(draft)
        journal = _open_journal(disk, state, found, past_bytes)
        blobs = Blobs(disk, state.blobs)
        blobs.open(found.tables.blob_uses)
    except OSError as error:
        lock.release()
        raise StoreRefused(f"state directory {state.path}: {error}") from error
    except BaseException:
        lock.release()
        raise
    return _Opened(state, lock, found, journal, blobs, TinyFile(state.file, disk))


def _open_journal(disk: Disk, state: StateDir, found: Recovered, past_bytes: int) -> JournalWriter:
    found.store_id = found.store_id or str(uuid.uuid4())
    is_old = not found.origin or found.format < FORMAT
    found.origin = found.origin or an_origin(found.tables)
    header = Header(found.store_id, found.seq, found.origin)
    journal = JournalWriter(disk, state, header, past_bytes=past_bytes)
    if found.path is None:
        journal.create()
    else:
        if found.torn_bytes:
            _drop_tail(disk, state, found.path, found)
        journal.resume(found.path, found.seq, found.size)
        if is_old:
            journal.upgrade()
        if found.is_promotable:
            journal.promote()
    if not journal.is_rotated() and state.next_journal.exists():
        _drop_successor(disk, state)
    return journal


def _drop_tail(disk: Disk, state: StateDir, path: Path, found: Recovered) -> None:
    """Keep what is cut off the journal: nobody but the log will ever say that it was there."""
    kept = damaged_folder(disk, state) / f"{path.name}.tail"
    replace_file(disk, kept, [path.read_bytes()[found.size :]])
    log.warning(
        "%s: dropped %d bytes of a write cut short; they are in %s", path, found.torn_bytes, kept
    )


def _drop_successor(disk: Disk, state: StateDir) -> None:
    """Remove a next journal without a write; what was cut short in it is kept."""
    path = state.next_journal
    content = path.read_bytes()
    if len(content) > Journal(path, content).end:
        disk.link(path, damaged_folder(disk, state) / path.name)
    disk.unlink(path)


def _encoded(batch: Batch) -> bytes:
    if not batch.is_long:
        return encode_ops(batch.ops)
    parts = []
    for start in range(0, len(batch.ops), SLICE):
        parts.append(encode_ops(batch.ops[start : start + SLICE]))
        time.sleep(0)  # or the loop waits 5 ms for the interpreter
    return b",".join(parts)


class TinyBackend(Backend):
    """Everything in one state directory. Method contracts: see backend.Backend."""

    def __init__(
        self, opened: _Opened, compact_bytes: int, probe_seconds: float, quick_seconds: float
    ) -> None:
        found = opened.found
        self._state = opened.state
        self._lock = opened.lock
        self._journal = opened.journal
        self._blobs = opened.blobs
        self._file = opened.file
        self._tables = found.tables
        self._store_id = found.store_id
        self._origin = found.origin
        self._file_seq = found.meta.seq if found.meta else -1
        self._file_bytes = opened.file.size()
        self._compact_bytes = compact_bytes
        # A compaction that failed is not tried again before the journal is this long.
        self._compact_over = 0
        self._compaction: asyncio.Task[None] | None = None
        self._quiet: asyncio.TimerHandle | None = None
        self._last_write = 0.0
        self._is_closing = False
        self._give_way = giving_way(asyncio.get_running_loop())
        self._worker = Worker(asyncio.get_running_loop(), "drydock-journal")
        self._commit = GroupCommit(
            self._worker,
            self._save,
            self._land,
            lambda: self._landing.forget(),
            probe_seconds=probe_seconds,
            quick_seconds=quick_seconds,
        )

    def begin(self, landing: Landing) -> None:
        self._landing = landing

    def health(self) -> StoreHealth:
        return StoreHealth(error=self._commit.error, journal_bytes=self._journal.size)

    def past(self, after: int) -> Past:
        return JournalPast(self._state, after)

    # -- writing

    def save(self, batch: Batch, guard: Epoch | None) -> asyncio.Future[None] | None:
        # A guard never is over: the lock on the directory goes with the process.
        return self._commit.save(batch)

    def _save(self, batches: list[Batch]) -> None:
        for batch in batches:
            for digest, content in batch.blobs.items():
                self._blobs.put(digest, content)
        self._journal.append([_encoded(batch) for batch in batches])

    def _land(self, batches: list[Batch]) -> asyncio.Future[None] | None:
        limit = max(self._compact_bytes, self._file_bytes, self._compact_over)
        if self._journal.size > limit and not self._is_closing:
            self._last_write = asyncio.get_running_loop().time()
            if self._journal.size > min(limit * _LONGEST, limit + _LONGEST_MORE):
                self._start_compaction()
            elif self._quiet is None:
                self._look_again(_QUIET_SECONDS)
        return self._landing.land(batches)

    def _look_again(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._quiet = loop.call_later(seconds, self._fold_if_quiet)

    def _fold_if_quiet(self) -> None:
        self._quiet = None
        if self._is_closing or self._compaction is not None:
            return
        left = self._last_write + _QUIET_SECONDS - asyncio.get_running_loop().time()
        if left > 0:
            self._look_again(left)
        else:
            self._start_compaction()

    # -- blobs

    def has_blob(self, digest: str) -> bool:
        return self._blobs.has(digest)

    async def put_blob(self, digest: str, content: bytes) -> None:
        try:
            await asyncio.to_thread(self._blobs.put, digest, content)
        except OSError as error:
            raise StoreUnavailable(f"{self._state.blobs} cannot be written: {error}") from error

    def read_blob(self, digest: str) -> bytes:
        return self._blobs.read(digest)

    def sweep_blob(self, digest: str) -> None:
        self._blobs.forget(digest)

        def done(failure: Exception | None) -> None:
            if failure is not None:
                log.warning("blob %s stays until the next start: %s", digest, failure)

        self._worker.submit(lambda: self._blobs.sweep(digest), done)

    # -- compaction

    async def compact(self) -> None:
        """Fold the journal into the file; joins one under way. Raises StoreUnavailable."""
        await asyncio.shield(self._start_compaction())

    def _start_compaction(self) -> asyncio.Task[None]:
        if self._compaction is None:
            task = asyncio.get_running_loop().create_task(self._compact(), name="store compaction")
            task.add_done_callback(self._compacted)
            self._compaction = task
        return self._compaction

    def _compacted(self, task: asyncio.Task[None]) -> None:
        self._compaction = None
        failure = None if task.cancelled() else task.exception()
        if failure is not None:
            self._compact_over = self._journal.size + self._compact_bytes
            log.warning("the journal stays as long as it is: %s", failure)
        else:
            self._compact_over = 0

    async def _compact(self) -> None:
        """Write all records into a new file while writes go on in the next journal.

        The file is complete up to the moment both journals meet; only when it is safely in
        place does the next journal become the journal. A crash anywhere leaves a file and
        journals that together hold everything.
        """
        frozen, seq = await self._rotate()
        self._commit.is_contended = True
        try:
            meta = Meta(self._store_id, seq, timestamp(), self._origin)
            await asyncio.to_thread(self._file.replace, frozen, meta, self._give_way)
            self._file_seq, self._file_bytes = seq, self._file.size()
            await self._commit.alone(self._journal.promote)
        except OSError as error:
            raise StoreUnavailable(f"{self._file.path} cannot be replaced: {error}") from error
        finally:
            self._commit.is_contended = False
            self._tables.thaw()

    async def _rotate(self) -> tuple[Frozen, int]:
        moment: list[tuple[Frozen, int]] = []

        def freeze_and_rotate() -> None:
            # Nothing lands meanwhile, so nothing changes.
            moment.append((self._tables.freeze(self._give_way), self._journal.seq))
            self._journal.rotate()

        try:
            await self._commit.alone(freeze_and_rotate)
        except OSError as error:
            self._tables.thaw()
            raise StoreUnavailable(f"no new journal can be begun: {error}") from error
        return moment[0]

    # -- the end

    async def close(self) -> None:
        self._is_closing = True
        if self._quiet is not None:
            self._quiet.cancel()
        self._commit.stop()
        try:
            if self._compaction is not None:
                await asyncio.wait([self._compaction])
            await self._commit.alone(lambda: None)  # all before it is done
            if self._journal.seq != self._file_seq:
                await asyncio.wait([self._start_compaction()])
        finally:
            await asyncio.to_thread(self._worker.stop)
            self._journal.close()
            self._lock.release()

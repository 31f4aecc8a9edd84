"""The seam under the records: where batches and blobs are kept. One module per backend.

A backend is a module of this folder, named as in the configuration, with::

    async def open_backend(path: Path | None, **options: object) -> tuple[Backend, Loaded]

Everything else (tables, indexes, staging, reads, watchers, retention) is records.Records.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from drydockd.store.base import Change, Epoch, Member, StoreHealth
from drydockd.store.news import News
from drydockd.store.past import Past
from drydockd.store.staging import Batch
from drydockd.store.tables import Tables


@dataclass(slots=True)
class Loaded:
    """What a backend held when it was opened; see base.Store for `seq` and `origin`."""

    tables: Tables = field(default_factory=Tables)
    seq: int = 0
    origin: int = 0


class Landing(Protocol):
    """What a backend calls back, on the loop."""

    def land(self, batches: Sequence[Batch]) -> asyncio.Future[None] | None:
        """Make durable `batches` visible, in order, each with the next `seq`.

        None: it is done. Else the future ends when it is; later calls keep their order.
        """
        ...

    def land_messages(self, messages: Sequence[tuple[str, bytes]]) -> None:
        """Make visible at once, as one write, what another daemon said: tasks, and what memory
        keeps of each message (codec). Not while a `land` before has not ended."""
        ...

    def forget(self) -> None:
        """Drop all that is staged and has not landed: none of it will be saved."""
        ...

    def stage(self, changes: Sequence[Change]) -> Batch:
        """Evaluate `changes` on the newest state: again, after `forget`, those of
        ``batch.changes`` whose batch another daemon was ahead of. Raises as Store.write."""
        ...

    def again(self, batch: Batch) -> None:
        """Stage a batch once more as it is, after `forget`: it may have been saved."""
        ...

    def retry(self, batch: Batch) -> Batch:
        """Evaluate a batch again, after `forget`, on the newest state. Raises as Store.write;
        Conflict for the removal of a tree of which something is not final any more."""
        ...

    def builds_on(self, batch: Batch) -> bool:
        """Was something that is staged evaluated on what another daemon's `batch` changes?"""
        ...

    def leap(self, seq: int, news: News) -> None:
        """The backend changed the tables itself, to what they are after the write `seq`: tell
        `news` as what that one left. All that is staged is forgotten."""
        ...

    def is_unused(self, digest: str) -> bool:
        """Whether no record, landed or staged, names the blob, and nobody here holds it."""
        ...


class Backend(Protocol):
    """Event-loop thread only, but for `read_blob`.

    `shared_seconds`: others write too, and what they wrote may be asked for (`fresh`) for so
    long before a write is refused for what is seen here; None: nobody else writes.
    """

    shared_seconds: float | None = None

    def begin(self, landing: Landing) -> None:
        """Called once, before everything else."""
        ...

    def save(self, batch: Batch, guard: Epoch | None) -> Awaitable[None] | None:
        """Put `batch` and its blobs on disk, after all batches before it, and land it.

        None: it is done. Else the awaitable ends when it has landed, or raises
        StoreUnavailable (nothing changed; all that was staged after it was dropped too) or
        Fenced (`guard` is over). The caller may be cancelled: the batch lands all the same.
        """
        ...

    async def fresh(self, seconds: float) -> None:
        """As Store.fresh. A backend that nobody else writes to has nothing to wait for."""
        return

    def silent_seconds(self) -> float:
        """As Store.silent_seconds."""
        return 0.0

    async def members(self) -> list[Member]:
        """As Store.members."""
        return []

    def has_blob(self, digest: str) -> bool:
        """Whether the blob is certainly durable; it stays unless `sweep_blob` is called."""
        ...

    async def put_blob(self, digest: str, content: bytes) -> None:
        """Keep `content`, durable when it returns; again is free. Raises StoreUnavailable."""
        ...

    def read_blob(self, digest: str) -> bytes:
        """From any thread. Raises NotFound, StoreRefused (damaged)."""
        ...

    def sweep_blob(self, digest: str) -> None:
        """No record names it any more: remove it, unless it is put again meanwhile."""
        ...

    def past(self, after: int) -> Past:
        """As Store.past."""
        ...

    def health(self) -> StoreHealth:
        """`error` and `journal_bytes`; the records are counted by Records."""
        ...

    async def close(self) -> None:
        """Finish what is under way and let go of everything; called once."""
        ...

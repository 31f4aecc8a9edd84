"""The backend `memory`: the same semantics, nothing on disk. For tests and the lab."""

from __future__ import annotations

import hashlib
import time

from drydockd.errors import NotFound, StoreUnavailable
from drydockd.model import Timestamp
from drydockd.store.base import Change, Purged, StoreHealth
from drydockd.store.live import Live
from drydockd.store.retention import plan_purge
from drydockd.store.staging import Batch
from drydockd.store.tables import Tables


class MemoryStore(Live):
    """A Store whose records live as long as the process. Method contracts: see base.Store."""

    def __init__(self) -> None:
        super().__init__(Tables(), self._read, seq=0, origin=time.time_ns() // 1000)
        self._blobs: dict[str, bytes] = {}
        self._is_closed = False

    async def write(self, *changes: Change) -> None:
        batch = self._staging.stage(changes)
        if batch.ops:
            self._keep(batch)

    def _keep(self, batch: Batch) -> None:
        if self._is_closed:
            self._staging.forget()
            raise StoreUnavailable("the store is closed")
        self._blobs.update(batch.blobs)
        for digest in self._land(batch):
            self._blobs.pop(digest, None)

    async def purge_tasks(self, *, before: Timestamp) -> Purged:
        removals, purged = plan_purge(self._tables, before)
        await self.write(*removals)
        return purged

    async def put_blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        self._blobs[digest] = content
        self._hold_blob(digest, 1)
        return digest

    async def blob(self, digest: str) -> bytes:
        return self._read(digest)

    def _read(self, digest: str) -> bytes:
        try:
            return self._blobs[digest]
        except KeyError:
            raise NotFound(f"no blob {digest}") from None

    def health(self) -> StoreHealth:
        return StoreHealth(tasks=len(self._tables.tasks), messages=self._tables.message_count)

    async def close(self) -> None:
        self._is_closed = True

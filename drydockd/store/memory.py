"""The backend `memory`: the same semantics, nothing on disk. For tests and the lab."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from drydockd.errors import NotFound
from drydockd.store.backend import Backend, Landing, Loaded
from drydockd.store.base import Epoch, StoreHealth
from drydockd.store.past import Past, PastWrite, WritesGone
from drydockd.store.records import Records
from drydockd.store.staging import Batch


async def open_backend(path: Path | None = None, **options: object) -> tuple[Backend, Loaded]:
    """Return an empty one; it needs neither a path nor options."""
    return MemoryBackend(), Loaded(origin=time.time_ns() // 1000)


class MemoryBackend(Backend):
    """Keeps blobs; batches are safe as soon as they are made. See backend.Backend."""

    def begin(self, landing: Landing) -> None:
        self._landing = landing
        self._blobs: dict[str, bytes] = {}

    def save(self, batch: Batch, guard: Epoch | None) -> asyncio.Future[None] | None:
        self._blobs.update(batch.blobs)
        return self._landing.land([batch])

    def has_blob(self, digest: str) -> bool:
        return digest in self._blobs

    async def put_blob(self, digest: str, content: bytes) -> None:
        self._blobs[digest] = content

    def read_blob(self, digest: str) -> bytes:
        try:
            return self._blobs[digest]
        except KeyError:
            raise NotFound(f"no blob {digest}") from None

    def sweep_blob(self, digest: str) -> None:
        self._blobs.pop(digest, None)

    def past(self, after: int) -> Past:
        return _NoPast(after)

    def health(self) -> StoreHealth:
        return StoreHealth()

    async def close(self) -> None:
        pass


class _NoPast(Past):
    """Of what is nowhere but in memory nothing is kept."""

    def __init__(self, after: int) -> None:
        self._after = after

    def read(self, until: int) -> list[PastWrite]:
        if self._after < until:
            self._after = until
            raise WritesGone(until)
        return []

    def close(self) -> None:
        pass


class MemoryStore(Records):
    """A store in memory, made without waiting."""

    def __init__(self) -> None:
        super().__init__(MemoryBackend(), Loaded(origin=time.time_ns() // 1000))

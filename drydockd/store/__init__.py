"""Durable records: one Store protocol (base), two backends: `tiny` on disk, `memory` without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from drydockd.errors import InvalidInput
from drydockd.store.base import (
    Change,
    Edit,
    Purged,
    Put,
    Remove,
    Store,
    StoreHealth,
    Watcher,
)

BACKENDS = ("tiny", "memory")


async def open_store(backend: str, path: Path | str | None = None, **options: Any) -> Store:
    """Open the store `backend` (``tiny``, ``memory``) whose state directory is `path`.

    `memory` takes neither path nor options. Raises StoreRefused if the directory is locked,
    damaged, of a newer format or open to others, InvalidInput for an unknown backend.
    """
    if backend == "memory":
        from drydockd.store.memory import MemoryStore

        return MemoryStore()
    if backend == "tiny":
        from drydockd.store.tiny import open_tiny

        if path is None:
            raise InvalidInput("store backend 'tiny' needs the path of its state directory")
        return await open_tiny(path, **options)
    raise InvalidInput(f"store backend {backend!r} is unknown; there are: {', '.join(BACKENDS)}")


__all__ = [
    "BACKENDS",
    "Change",
    "Edit",
    "Purged",
    "Put",
    "Remove",
    "Store",
    "StoreHealth",
    "Watcher",
    "open_store",
]

"""Durable records: one Store protocol (base), implemented once (records), kept by a backend.

`tiny` keeps them on disk, `memory` nowhere. Another one is a module here (see backend) and
its name in config.options.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from drydockd.errors import InvalidInput
from drydockd.store.base import (
    Change,
    Edit,
    Epoch,
    Member,
    Purged,
    Put,
    Remove,
    Say,
    Store,
    StoreHealth,
    Watcher,
)
from drydockd.store.records import Records


async def open_store(backend: str, path: Path | str | None = None, **options: Any) -> Store:
    """Open the store `backend`, a module of this folder, whose state directory is `path`.

    `options` are those of its `open_backend`; `memory` needs neither path nor options. Raises
    StoreRefused if the directory is locked, damaged, of a newer format or open to others,
    InvalidInput for an unknown backend.
    """
    try:
        module = import_module(f"{__name__}.{backend}")
        open_backend = module.open_backend
    except (ModuleNotFoundError, AttributeError):
        raise InvalidInput(f"store backend {backend!r} is unknown") from None
    return Records(*await open_backend(None if path is None else Path(path), **options))


__all__ = [
    "Change",
    "Edit",
    "Epoch",
    "Member",
    "Purged",
    "Put",
    "Remove",
    "Say",
    "Store",
    "StoreHealth",
    "Watcher",
    "open_store",
]

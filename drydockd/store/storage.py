"""`drydock.json` as a TinyDB storage: checked when read, replaced whole when written."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
from tinydb.storages import Storage

from drydockd.model import timestamp
from drydockd.store import layout
from drydockd.store.codec import MESSAGES, ROW_CLASSES, message_tail
from drydockd.store.disk import Disk, replace_file
from drydockd.store.frozen import Frozen
from drydockd.store.giveway import GiveWay, nobody_waits
from drydockd.store.layout import Meta
from drydockd.store.recovery import mapped
from drydockd.store.tables import Tables

META = "meta"


class TinyFile(Storage):
    """What TinyDB keeps its tables in; ``TinyDB(path, storage=TinyFile)`` is crash-safe.

    The store itself uses `load` and `replace`, which are this for tables in memory.
    """

    def __init__(self, path: Path | str, disk: Disk | None = None) -> None:
        self.path = Path(path)
        self._disk = disk or Disk()

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Return all tables, `meta` among them; None without a file. Raises Damage."""
        if not self.path.exists():
            return None
        with mapped(self.path) as content:
            layout.check_file(self.path, content)
            tables: dict[str, dict[str, Any]] = orjson.loads(content)
        return tables

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Replace all tables by `data`. Raises StoreRefused for what is no record; OSError."""
        old = data.get(META, {}).get("1", {})
        store_id, seq = old.get("store") or str(uuid.uuid4()), old.get("seq", 0)
        meta = Meta(store_id, seq, timestamp(), old.get("origin", 0))
        self.replace(tables_of(data).freeze(), meta)

    def load(self, tables: Tables) -> Meta:
        """Put the records into the empty `tables`. Raises Damage, StoreRefused, OSError."""
        with mapped(self.path) as content:
            return layout.load_file(self.path, content, tables)

    def replace(self, frozen: Frozen, meta: Meta, give_way: GiveWay = nobody_waits) -> None:
        """Make `frozen` the content, durably: the old file or the new one. Raises OSError.

        In a thread, that gives way after each chunk.
        """
        chunks = layout.encode_file(frozen, meta)
        replace_file(self._disk, self.path, _giving_way(chunks, give_way))

    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0


def _giving_way(chunks: Iterable[bytes], give_way: GiveWay) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk
        give_way()


def tables_of(data: dict[str, dict[str, Any]]) -> Tables:
    """Return TinyDB's documents as records. Raises StoreRefused for what is none."""
    tables = Tables()
    for name in ROW_CLASSES:
        for document in data.get(name, {}).values():
            tables.load_document(name, dict(document))
    for document in sorted(data.get(MESSAGES, {}).values(), key=lambda found: found["seq"]):
        tables.append_message(document["task_id"], message_tail(document))
    return tables

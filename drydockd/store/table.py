"""The records of a store as TinyDB tables: the same queries, answered from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

import orjson
from tinydb import TinyDB
from tinydb.storages import Storage
from tinydb.table import Document, Table

from drydockd.store.codec import MESSAGES, message_document
from drydockd.store.layout import TABLE_ORDER
from drydockd.store.tables import Tables

_NO_WRITES = "records are changed with Store.write, which waits for the disk"


class LiveStorage(Storage):
    """Shows the `tables` of a store as TinyDB's; documents are made when looked at."""

    def __init__(self, tables: Tables) -> None:
        self.tables = tables

    def read(self) -> dict[str, dict[str, Any]]:
        return {name: dict(_Documents(self.tables, name)) for name in TABLE_ORDER}

    def write(self, data: dict[str, dict[str, Any]]) -> NoReturn:
        raise NotImplementedError(_NO_WRITES)


class RecordTable(Table):
    """One table of a store. Its documents are never all in memory at once.

    Stock TinyDB reads the whole database for every look; this looks at one table only, and
    counts it without looking.
    """

    def __len__(self) -> int:
        return len(self._read_table())

    def __iter__(self) -> Iterator[Document]:
        for doc_id, document in self._read_table().items():
            yield Document(document, int(doc_id))

    def _read_table(self) -> Mapping[str, Any]:  # type: ignore[override]
        storage = self.storage
        assert isinstance(storage, LiveStorage)  # noqa: S101 - made by RecordsDB only
        return _Documents(storage.tables, self.name)

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> NoReturn:
        raise NotImplementedError(_NO_WRITES)


class RecordsDB(TinyDB):
    """``RecordsDB(tables).table("tasks").search(where("status") == "queued")``."""

    table_class = RecordTable
    default_storage_class = LiveStorage  # type: ignore[assignment]


class _Documents(Mapping[str, Any]):
    """Document id -> document, as in the file: ids count from 1."""

    def __init__(self, tables: Tables, name: str) -> None:
        self._tables = tables
        self._name = name
        self._keys: list[Any] | None = None

    def __len__(self) -> int:
        if self._name == MESSAGES:
            return self._tables.message_count
        return len(self._tables.rows.get(self._name, ()))

    def __iter__(self) -> Iterator[str]:
        return map(str, range(1, len(self) + 1))

    def __getitem__(self, doc_id: str) -> dict[str, Any]:
        if self._keys is None:
            self._keys = self._list_keys()
        try:
            key = self._keys[int(doc_id) - 1]
        except (ValueError, IndexError):
            raise KeyError(doc_id) from None
        document: dict[str, Any] = orjson.loads(self._encoded(key))
        return document

    def _list_keys(self) -> list[Any]:
        if self._name == MESSAGES:
            logs = self._tables.logs.items()
            return [(task_id, seq) for task_id, log in logs for seq in range(len(log.tails))]
        return list(self._tables.rows.get(self._name, ()))

    def _encoded(self, key: Any) -> bytes:
        if self._name == MESSAGES:
            task_id, at = key
            return message_document(task_id, at + 1, self._tables.logs[task_id].tails[at])
        return self._tables.document(self._name, key)

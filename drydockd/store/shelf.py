"""What one driver keeps in the store, as drivers see it: drivers.base.Shelf over any Store."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drydockd.model import DriverRecord
from drydockd.store.base import Change, Epoch, Put, Remove, Store


class StoreShelf:
    """The records of `driver`, short name of a driver, in `store`.

    `guard` gives the epoch in which it may put, where others may have to.
    """

    def __init__(
        self, store: Store, driver: str, guard: Callable[[], Epoch | None] = lambda: None
    ) -> None:
        self._store = store
        self._driver = driver
        self._guard = guard

    def records(self) -> dict[str, Mapping[str, Any]]:
        start = len(self._driver) + 1
        found = self._store.driver_records(self._driver)
        return {record.key[start:]: record.document for record in found}

    def record(self, name: str) -> Mapping[str, Any] | None:
        found = self._store.driver_record(f"{self._driver}/{name}")
        return None if found is None else found.document

    async def put(
        self,
        documents: Mapping[str, Mapping[str, Any] | None],
        blobs: Mapping[str, str] | None = None,
    ) -> None:
        changes: list[Change] = []
        for name, document in documents.items():
            key = f"{self._driver}/{name}"
            if document is None:
                changes.append(Remove(DriverRecord, key))
            else:
                blob = (blobs or {}).get(name, "")
                changes.append(Put(DriverRecord(key, self._driver, document, blob)))
        await self._store.write(*changes, guard=self._guard())

    async def put_blob(self, content: bytes) -> str:
        return await self._store.put_blob(content)

    async def blob(self, digest: str) -> bytes:
        return await self._store.blob(digest)

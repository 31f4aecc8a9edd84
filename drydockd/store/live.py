"""What both backends do with a batch once it is safe: show it, tell the watchers, let blobs go."""

from __future__ import annotations

import logging
from collections.abc import Callable

from drydockd.model import Record
from drydockd.store.base import Watcher
from drydockd.store.reading import ReadBlob, Reading
from drydockd.store.staging import Batch, Staging
from drydockd.store.tables import Tables, blob_named

log = logging.getLogger(__name__)


class Live(Reading):
    """Tables, staging and watchers of a running store; the backends add where it is kept."""

    def __init__(self, tables: Tables, read_blob: ReadBlob, *, seq: int, origin: int) -> None:
        super().__init__(tables, read_blob)
        self.seq = seq
        self.origin = origin
        self._staging = Staging(tables)
        self._watchers: dict[object, Watcher] = {}
        # Blobs put and not yet named by a record, with how often they were put.
        self._held_blobs: dict[str, int] = {}

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        ticket = object()
        self._watchers[ticket] = watcher

        def unsubscribe() -> None:
            self._watchers.pop(ticket, None)

        return unsubscribe

    def _land(self, batch: Batch) -> set[str]:
        """Make a durable batch visible; return the blobs no record names any more."""
        released = self._let_go_of_blobs(batch) if batch.rows else set()
        self.seq += 1
        batch.apply(self._tables, self.seq)
        self._staging.landed(batch)
        if self._watchers and batch.news:
            self._tell(batch.news)
        return {digest for digest in released if self._is_unused(digest)} if released else released

    def _tell(self, news: list[Record]) -> None:
        for watcher in list(self._watchers.values()):
            try:
                watcher(self.seq, news)
            except Exception:
                # The write is durable: a watcher's mistake must not make it look failed.
                log.exception("a watcher of the store failed")

    def _let_go_of_blobs(self, batch: Batch) -> set[str]:
        released = set()
        for table, key, row, _ in batch.ops:
            if isinstance(row, bytes):
                continue
            before, after = blob_named(self._tables.rows[table].get(key)), blob_named(row)
            if before == after:
                continue
            if before:
                released.add(before)
            if after:
                self._hold_blob(after, -1)
        return released

    def _hold_blob(self, digest: str, step: int) -> None:
        held = self._held_blobs.get(digest, 0) + step
        if held > 0:
            self._held_blobs[digest] = held
        else:
            self._held_blobs.pop(digest, None)

    def _is_unused(self, digest: str) -> bool:
        return (
            digest not in self._tables.blob_uses
            and digest not in self._held_blobs
            and not self._staging.names_blob(digest)
        )

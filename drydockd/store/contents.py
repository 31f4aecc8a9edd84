"""What a store holds, as counts and one digest: the same however, and wherever, it is kept.

The digest is the sha256 of all documents, one a line: tables in the order of the file, rows by
their keys, the messages of a task in sequence, then the names of the blobs that records name, with
their sizes. It does not depend on numbers of writes, nor on the order in which records came.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from drydockd.store.codec import MESSAGES, ROW_CLASSES, message_document
from drydockd.store.tables import Tables

BLOBS = "blobs"


@dataclass(frozen=True, slots=True)
class Contents:
    """`counts`: name of a table, ``messages`` or ``blobs`` -> how many."""

    counts: dict[str, int]
    digest: str

    def __str__(self) -> str:
        told = (f"{count} {name.replace('_', ' ')}" for name, count in sorted(self.counts.items()))
        return ", ".join(told)

    def difference(self, other: Contents) -> str:
        """Say in what `other` is not the same; empty where it is."""
        counted = [
            f"{count} {name.replace('_', ' ')}, not {other.counts[name]}"
            for name, count in self.counts.items()
            if count != other.counts[name]
        ]
        if counted or self.digest == other.digest:
            return "; ".join(counted)
        return f"as many records, but not the same: sha256 {self.digest}, not {other.digest}"


class Digest:
    """Takes the documents of a store in the order that is said above."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._counts = Counter(dict.fromkeys((*ROW_CLASSES, MESSAGES, BLOBS), 0))

    def add_row(self, table: str, document: bytes) -> None:
        """Take a row: its document as `Tables.document` has it."""
        self._counts[table] += 1
        self._hash.update(b"%b %b\n" % (table.encode(), document))

    def add_message(self, task_id: str, seq: int, tail: bytes) -> None:
        self._counts[MESSAGES] += 1
        self._hash.update(message_document(task_id, seq, tail) + b"\n")

    def add_blob(self, digest: str, size_bytes: int) -> None:
        self._counts[BLOBS] += 1
        self._hash.update(b"%b %d\n" % (digest.encode(), size_bytes))

    def contents(self) -> Contents:
        return Contents(dict(self._counts), self._hash.hexdigest())


def of_tables(tables: Tables, size_of: Callable[[str], int]) -> Contents:
    """Return what `tables` hold; `size_of` gives the bytes of a blob, and may look at each."""
    digest = Digest()
    for name in ROW_CLASSES:
        for key in in_order(tables.rows[name]):
            digest.add_row(name, tables.document(name, key))
    for task_id in in_order(tables.logs):
        for seq, tail in enumerate(tables.logs[task_id].tails, 1):
            digest.add_message(task_id, seq, tail)
    for name in sorted(tables.blob_uses):
        digest.add_blob(name, size_of(name))
    return digest.contents()


def in_order(keys: Iterable[str]) -> list[str]:
    """As the collation "C" of a database orders them: by their bytes in UTF-8."""
    return sorted(keys, key=str.encode)

"""The records as they were at one moment, for a thread that writes them while others change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from drydockd.garbage import untrack
from drydockd.store.codec import MESSAGES
from drydockd.store.giveway import GiveWay, nobody_waits

if TYPE_CHECKING:
    from drydockd.store.tables import Tables


# What the tail of a message that is an error begins with.
_TRUE = ord("t")
# Keys listed between two turns of the loop: half a millisecond, cold as they are.
KEYS_AT_ONCE = 5000


class MessageLog:
    """The messages of one task: `tails` in sequence, from 1 (see codec.message_tail)."""

    __slots__ = ("errors", "tails")

    def __init__(self) -> None:
        self.tails: list[bytes] = []
        self.errors = 0
        untrack(self, self.tails)

    def append(self, tail: bytes) -> None:
        self.tails.append(tail)
        self.errors += tail.startswith(b"true")

    def extend(self, tails: Sequence[bytes]) -> None:
        self.tails += tails
        self.errors += sum([tail[0] == _TRUE for tail in tails])


class Frozen:
    """All records as they were at one moment, for another thread to walk through.

    Making one costs a list of the keys, made while nothing changes. Rows are immutable and logs
    only grow, so it is enough that from then on the tables note here, just before a change, what
    was there (`before`) and how long a log was (`cuts`). The walker looks at the table first and
    at the notes second; so a change in between is always noted already.
    """

    def __init__(self, tables: Tables, give_way: GiveWay = nobody_waits) -> None:
        self._tables = tables
        self._keys = {name: _listed(rows, give_way) for name, rows in tables.rows.items()}
        self.before: dict[tuple[str, str], Any] = {}
        self.cuts: dict[MessageLog, int] = {}

    def note(self, table: str, key: str, old: Any) -> None:
        self.before.setdefault((table, key), old)

    def slices(self, table: str, size: int) -> Iterator[list[Any]]:
        """Yield the rows of a table, in order of arrival, up to `size` at a time."""
        for keys in self._key_slices(table, size):
            found = [self._then(table, key, self._tables.rows[table]) for key in keys]
            rows = [row for row in found if row is not None]
            if rows:
                yield rows

    def arrival(self, task_id: str) -> int | None:
        """The arrival of a top-level task; None of others."""
        found: int | None = self._then(ARRIVAL, task_id, self._tables.arrival)
        return found

    def message_tails(self) -> Iterator[tuple[str, list[bytes]]]:
        """Yield the messages of every task that has any."""
        for keys in self._key_slices("tasks", 1000):
            for task_id in keys:
                log = self._then(MESSAGES, task_id, self._tables.logs)
                if log is not None:
                    tails = log.tails[:]
                    yield task_id, tails[: self.cuts.get(log, len(tails))]

    def _key_slices(self, table: str, size: int) -> Iterator[list[str]]:
        for keys in self._keys[table]:
            for start in range(0, len(keys), size):
                yield keys[start : start + size]

    def _then(self, table: str, key: str, now: Mapping[str, Any]) -> Any:
        row = now.get(key)
        return self.before.get((table, key), row)


def _listed(rows: Iterable[str], give_way: GiveWay) -> list[list[str]]:
    keys: list[list[str]] = []
    walk = iter(rows)
    while some := list(islice(walk, KEYS_AT_ONCE)):
        keys.append(some)
        give_way()
    return keys


# Its name among the notes of a Frozen; no table is called so.
ARRIVAL = "arrival"

"""Where events stand in the stream of everything: from writes, and the same when read again.

What a write left of tasks, messages and boot actions is numbered in its order, a record that it
changed twice once; so a write in memory and its line in the journal give the same places. The
ids are those of contract, scale, section 5: ``origin + seq * 1024 + index``. Of a write with more
records than numbers the first ones share one and are told apart by ``.n`` behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from drydockd.errors import InvalidInput
from drydockd.model import BootAction, Message, Record, Task
from drydockd.store.past import Telling

# So many records of one write have an id of their own; see Store.origin.
IDS_PER_WRITE = 1024
_LONGEST = 40


class Place(NamedTuple):
    """One place; places compare as what stands there came."""

    number: int
    among: int = 0

    def __str__(self) -> str:
        return f"{self.number}.{self.among}" if self.among else str(self.number)


def parse_place(text: str | None) -> Place | None:
    """Return the place that an event id names; None for none. Raises InvalidInput."""
    text = (text or "").strip()
    if not text:
        return None
    number, point, among = text.partition(".")
    parts = [number, among] if point else [number]
    if len(text) > _LONGEST or not all(part.isascii() and part.isdecimal() for part in parts):
        raise InvalidInput(f"Last-Event-ID: the id of an event is required, not {text[:_LONGEST]}")
    return Place(int(number), int(among or 0))


def end_of(origin: int, seq: int) -> Place:
    """Return the place behind all of the write `seq`, and before the next."""
    return Place(origin + (seq + 1) * IDS_PER_WRITE - 1, IDS_PER_WRITE)


def seq_of(origin: int, place: Place) -> int:
    """Return the write that a place is in; a negative number for one before the store."""
    return (place.number - origin) // IDS_PER_WRITE


def placed(origin: int, seq: int, records: Iterable[Record]) -> Iterator[tuple[Place, Telling]]:
    """Yield what the write `seq` left, in its order, each with its place."""
    found: dict[tuple[object, ...], Telling] = {}
    for record in records:
        if isinstance(record, Task):
            found["task", record.task_id] = record
        elif isinstance(record, Message):
            found["message", record.task_id, record.seq] = record
        elif isinstance(record, BootAction):
            found["boot_action", record.action_id] = record
    first, surplus = origin + seq * IDS_PER_WRITE, max(0, len(found) - IDS_PER_WRITE)
    for index, record in enumerate(found.values()):
        among = index if index <= surplus else 0
        yield Place(first + max(0, index - surplus), among if surplus else 0), record

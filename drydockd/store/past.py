"""How writes of the past are read again, whatever keeps them."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from drydockd.model import BootAction, Message, Task


class WritesGone(Exception):
    """Writes that were asked for are kept no more; those behind `next` are."""

    def __init__(self, next_seq: int) -> None:
        super().__init__(f"the writes up to {next_seq} are kept no more")
        self.next = next_seq


Telling = Task | Message | BootAction


class PastWrite(NamedTuple):
    """One write as it stands on disk: what it left of tasks, messages and boot actions."""

    seq: int
    records: list[Telling]


class Past(Protocol):
    """Reads writes again, in their order; one thread at a time, and not the loop's."""

    def read(self, until: int) -> list[PastWrite]:
        """Return some of the next writes, all up to `until` read: none.

        `until` is at most the `seq` of the store. Raises WritesGone, OSError.
        """
        ...

    def close(self) -> None:
        """Safe to call twice."""
        ...

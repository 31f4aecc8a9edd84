"""Messages that many tasks get alike, and what watchers are told of a write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from drydockd.model import Message, Record, Timestamp
from drydockd.store import codec


class Wording:
    """Messages without a task and without a time, encoded once for all who say them (Say).

    Raises InvalidInput for values JSON cannot hold.
    """

    __slots__ = ("encoded", "messages")

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = tuple(messages)
        self.encoded = tuple(codec.encode_wording(message) for message in self.messages)

    def __len__(self) -> int:
        return len(self.messages)


@dataclass(frozen=True, slots=True)
class Spoken:
    """A wording as it was said: the messages of `task_id` behind the first `after`, at `ts`."""

    task_id: str
    wording: Wording
    after: int
    ts: Timestamp

    def messages(self) -> Iterator[Message]:
        for seq, message in enumerate(self.wording.messages, self.after + 1):
            yield replace(message, task_id=self.task_id, ts=self.ts, seq=seq)


class Unread:
    """A message of `task_id` that another daemon wrote, as memory keeps it (codec)."""

    __slots__ = ("seq", "tail", "task_id")

    def __init__(self, task_id: str, seq: int, tail: bytes) -> None:
        self.task_id = task_id
        self.seq = seq
        self.tail = tail

    def message(self) -> Message:
        return codec.decode_message(self.task_id, self.seq, self.tail)


# What `News.parts` has of messages.
Talk = Message | Spoken | Unread


class News(Sequence[Record]):
    """The new values that a write left, in its order.

    `parts` has wordings in one piece, and other daemons' messages as they came, for whom the task
    is enough: nearly all messages are never looked at here. `leaps`: it is what many writes left
    together, which cannot be told one by one any more.
    """

    __slots__ = ("_records", "leaps", "parts")

    def __init__(self, *, leaps: bool = False) -> None:
        self.leaps = leaps
        self.parts: list[Record | Spoken | Unread] = []
        self._records: Sequence[Record] | None = None

    def records(self) -> Sequence[Record]:
        if self._records is None:
            found: list[Record] = []
            for part in self.parts:
                if isinstance(part, Spoken):
                    found += part.messages()
                elif isinstance(part, Unread):
                    found.append(part.message())
                else:
                    found.append(part)
            self._records = found
        return self._records

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]  # it grows while it is made

    def __len__(self) -> int:
        count = len(self.parts)
        for part in self.parts:
            if isinstance(part, Spoken):
                count += len(part.wording.messages) - 1
        return count

    def __iter__(self) -> Iterator[Record]:
        return iter(self.records())

    @overload
    def __getitem__(self, index: int) -> Record: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...

    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        return self.records()[index]

"""What a task said before the daemon was started, so that it is not said again.

A step that is taken up again says again what it does; only what it could not say before,
such as how things were found, is news.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property, partial

from drydockd.model import Message
from drydockd.store.base import Store


class Retelling:
    """The earlier messages of one task or subtask; `is_needed`: it was taken up again.

    They are read when something is said for the first time: thousands may be taken up at once.
    """

    def __init__(self, store: Store, task_id: str, *, is_needed: bool) -> None:
        self._read = partial(store.messages, task_id) if is_needed else list[Message]

    @cached_property
    def _left(self) -> Counter[tuple[str, str, str, bool]]:
        return Counter(map(_mark, self._read()))

    def repeats(self, message: Message) -> bool:
        """Return whether this was said before; each earlier message answers once."""
        mark = _mark(message)
        if not self._left[mark]:
            return False
        self._left[mark] -= 1
        return True


def _mark(message: Message) -> tuple[str, str, str, bool]:
    return message.message, message.context_type, message.context, message.error

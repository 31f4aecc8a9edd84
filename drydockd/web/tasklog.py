"""What was said in the tree of one task, in one order: numbers, whose it is, and its lines."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence

from drydockd.errors import NotFound
from drydockd.model import Message
from drydockd.store.base import Store
from drydockd.web.taskparts import Line, Parts

# So many messages are on a page at most; what was said before is asked for.
PAGE_LINES = 2000
# So many are rendered in one turn of the loop, 1 or 2 ms.
SLICE = 50


class TaskLog:
    """The messages of the tree of `root_id`, numbered from 1 in the order they were heard of.

    Of each only its place in the store is kept, and the HTML of the last `PAGE_LINES`.
    """

    def __init__(self, root_id: str, store: Store, parts: Parts) -> None:
        self._root_id, self._store, self._parts = root_id, store, parts
        # Who said something: a task, its node if it is one node's, its action.
        self._tasks: list[tuple[str, str | None, str]] = []
        self._places: dict[str, int] = {}
        # Of each message: the place in `_tasks`, and its number within that task.
        self._said_by, self._said_as = array("L"), array("L")
        self._of_node: dict[str, array[int]] = {}
        self._first_error: dict[str | None, int] = {}
        self._tail: deque[Line] = deque(maxlen=PAGE_LINES)

    def __len__(self) -> int:
        return len(self._said_by)

    def hear(self, said: Mapping[str, object]) -> str | None:
        """Add the data of a ``message`` event; return the node it is about, if it is one's."""
        place = self._place(str(said["task_id"]))
        self._said_by.append(place)
        self._said_as.append(int(str(said["seq"])))
        number, node = len(self), self._tasks[place][1]
        if node is None and said["context_type"] == "node":
            node = str(said["context"])
        if node is not None:
            self._of_node.setdefault(node, array("L")).append(number)
        if said["error"]:
            self._first_error.setdefault(None, number)
            self._first_error.setdefault(node, number)
        return node

    def _place(self, task_id: str) -> int:
        known = self._places.get(task_id)
        if known is None:
            task = self._store.task(task_id)
            is_one = len(task.scope) == 1 and task_id != self._root_id
            self._tasks.append((task_id, task.scope[0] if is_one else None, task.action))
            known = self._places[task_id] = len(self._tasks) - 1
        return known

    def first_error(self, node: str | None) -> int | None:
        return self._first_error.get(node)

    def numbers(self, node: str | None, end: int, most: int = PAGE_LINES) -> Sequence[int]:
        """Return the numbers of the last `most` messages below `end`."""
        if node is None:
            return range(max(1, end - most), max(1, end))
        return [number for number in self._of_node.get(node, ()) if number < end][-most:]

    def is_first(self, numbers: Sequence[int], node: str | None) -> bool:
        """Whether nothing was said before these."""
        if not numbers:
            return True
        return numbers[0] == (1 if node is None else self._of_node[node][0])

    def add_to_tail(self, numbers: Sequence[int]) -> list[Line]:
        """Render the messages that follow the last ones rendered, and keep them."""
        lines = [line for line in map(self._line, numbers) if line is not None]
        self._tail.extend(lines)
        return lines

    async def lines(
        self, numbers: Sequence[int], turn: Callable[[], Awaitable[None]]
    ) -> list[Line]:
        """Return messages by their numbers, in slices; those that were purged are left out."""
        first = self._tail[0].number if self._tail else len(self) + 1
        found: list[Line] = []
        older = [number for number in numbers if number < first]
        for start in range(0, len(older), SLICE):
            await turn()
            found += filter(None, map(self._line, older[start : start + SLICE]))
        if len(older) < len(numbers):
            wanted = frozenset(numbers)
            found += [line for line in self._tail if line.number in wanted]
        return found

    def _line(self, number: int) -> Line | None:
        task_id, node, action = self._tasks[self._said_by[number - 1]]
        try:
            found = self._store.messages(task_id, after=self._said_as[number - 1] - 1, limit=1)
        except NotFound:
            return None
        if not found:
            return None
        node = node or _named(found[0])
        return self._parts.line(self._root_id, number, found[0], node, action)


def _named(message: Message) -> str | None:
    return message.context if message.context_type == "node" else None

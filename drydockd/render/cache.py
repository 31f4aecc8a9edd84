"""What was rendered or compressed before, as much of it as fits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

V = TypeVar("V")


class ByteCache(Generic[V]):
    """The values used last, up to `most_bytes` by the sizes given; safe between threads."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Keep `value`; `size` is the bytes it and its key take. Too large for us: not kept."""
        if size > self.most_bytes:
            return
        with self._lock:
            old = self._values.pop(key, None)
            self._values[key] = (value, size)
            self.bytes += size - (old[1] if old else 0)
            while self.bytes > self.most_bytes:
                _, (_, gone) = self._values.popitem(last=False)
                self.bytes -= gone

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self.bytes = 0

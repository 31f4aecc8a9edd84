"""What was rendered or compressed before, as much of it as fits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock


class ByteCache:
    """The values used last, up to `most_bytes` by the sizes given; safe between threads."""

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.bytes = 0
        self._values: OrderedDict[Hashable, tuple[bytes, int]] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Hashable, value: bytes, size: int | None = None) -> None:
        """Keep `value`; `size` is what it and its key cost. Too large for us: not kept."""
        cost = len(value) if size is None else size
        if cost > self.most_bytes:
            return
        with self._lock:
            _, old = self._values.pop(key, (b"", 0))
            self._values[key] = (value, cost)
            self.bytes += cost - old
            while self.bytes > self.most_bytes:
                _, (_, gone) = self._values.popitem(last=False)
                self.bytes -= gone

    def clear(self) -> None:
        with self._lock:
            self._values.clear()
            self.bytes = 0

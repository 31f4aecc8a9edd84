"""What an attack was answered."""

from __future__ import annotations

import socket
from collections import Counter
from contextlib import suppress


class Answers:
    """Statuses of one attack; `cut`: no answer at all, the connection ended or time did."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.cut = 0

    def count(self, status: int) -> None:
        self.statuses[status] += 1

    def heard(self, one: socket.socket) -> None:
        """Count what lies ready on a connection; nothing is fine, it may still wait."""
        with suppress(BlockingIOError):
            try:
                data = one.recv(65536)
            except ConnectionError:
                data = b""
            if data.startswith(b"HTTP/1.1 "):
                self.count(int(data[9:12]))
            else:
                self.cut += 1

    def __str__(self) -> str:
        said = [f"{status}: {many}" for status, many in sorted(self.statuses.items())]
        return ", ".join([*said, *([f"no answer: {self.cut}"] if self.cut else [])]) or "nothing"

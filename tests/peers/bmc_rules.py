"""What goes wrong at the scripted BMC (`tests.peers.bmc`): faults by method and path."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field


@dataclass
class Rule:
    """What happens to requests that match, instead of or after the usual.

    `status` with `id` and `text` answers; `drop` closes the connection, before or after the
    request was carried out (``after``); `hold` is awaited first; `delay` is in seconds. `times`
    says how often, None always.
    """

    method: str = ".*"
    path: str = ".*"
    status: int | None = None
    id: str = ""
    text: str = ""
    args: tuple = ()
    headers: dict = field(default_factory=dict)
    raw: bytes | None = None
    drop: str = ""
    hold: asyncio.Event | None = None
    delay: float = 0.0
    times: int | None = None
    # Requests that match are let through before it begins.
    skip: int = 0
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        if not (re.fullmatch(self.method, method) and re.fullmatch(self.path, path)):
            return False
        self.hits += 1
        nth = self.hits - self.skip
        return nth > 0 and (self.times is None or nth <= self.times)

"""One call at a time for each BMC: most allow four to eight sessions, and some not two well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Entry:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class BmcLocks:
    """The locks of one driver, shared by all tasks; first come, first served.

    Those nobody holds or waits for are forgotten, so it grows no further than the calls at work.
    """

    def __init__(self) -> None:
        self._entries: dict[str, _Entry] = {}

    @asynccontextmanager
    async def hold(self, address: str) -> AsyncIterator[None]:
        """Hold the lock of the BMC at `address`. Waits without limit: the caller bounds it."""
        entry = self._entries.setdefault(address, _Entry())
        entry.users += 1
        try:
            async with entry.lock:
                yield
        finally:
            entry.users -= 1
            if not entry.users:
                del self._entries[address]

    def __len__(self) -> int:
        """How many BMCs are held or waited for."""
        return len(self._entries)

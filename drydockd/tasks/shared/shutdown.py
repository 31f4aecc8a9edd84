"""The way out of the daemon: nothing new begins, brief work is waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Shutdown:
    """One per daemon. No task ends because of it: each goes on after the next start."""

    def __init__(self) -> None:
        self.has_begun = False
        self._brief = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    def begin(self) -> None:
        self.has_begun = True

    async def hold(self) -> None:
        """Return at once; once the shutdown has begun, never: asked before anything new begins."""
        if self.has_begun:
            await asyncio.get_running_loop().create_future()

    @contextmanager
    def brief_work(self, is_brief: bool) -> Iterator[None]:
        """Mark work that a shutdown had better wait for, such as a power cycle."""
        if not is_brief:
            yield
            return
        self._brief += 1
        self._is_quiet.clear()
        try:
            yield
        finally:
            self._brief -= 1
            if not self._brief:
                self._is_quiet.set()

    async def quiet(self) -> None:
        """Wait until no brief work is under way."""
        await self._is_quiet.wait()

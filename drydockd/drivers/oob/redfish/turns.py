"""Requests begin one by one: many at once would hold the loop as if they were one."""

from __future__ import annotations

import asyncio


class Turns:
    """Lets one through per turn of the loop, first come, first served.

    A request costs the loop 1 to 2 ms. Tasks that begin together wake together, again with each
    answer, and the loop runs all that is ready before it looks at anything else: 64 of them
    hold it for 60 ms and more. One per turn they are apart, and so are their answers.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    async def take(self) -> None:
        async with self._lock:
            await asyncio.sleep(0)

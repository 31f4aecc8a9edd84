"""Work that a cancel must not cut in two: it is finished first, but not for long."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


class Grace:
    """The time that an operation has after its cancel, for all that it still does together."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._until: float | None = None

    def begin(self) -> None:
        """Start the clock, unless it runs."""
        if self._until is None:
            self._until = asyncio.get_running_loop().time() + self._seconds

    def left(self) -> float | None:
        """None: nobody has cancelled."""
        if self._until is None:
            return None
        return max(0.0, self._until - asyncio.get_running_loop().time())


async def uninterrupted(work: Coroutine[object, object, T], grace: Grace) -> T:
    """Return what `work` returns. When cancelled, let it go on for the grace; then raise.

    All cancels but the first are taken for the same one: they shorten nothing.
    """
    task = asyncio.ensure_future(work)
    was_cancelled = is_over = False
    while not task.done():
        left = grace.left() if was_cancelled and not is_over else None
        if left == 0.0:
            is_over = task.cancel()
            continue
        try:
            await asyncio.wait((task,), timeout=left)
        except asyncio.CancelledError:
            was_cancelled = True
            grace.begin()
    if was_cancelled:
        # Looked at, so that nobody complains of an error that nobody saw.
        _ = task.cancelled() or task.exception()
        raise asyncio.CancelledError
    return task.result()

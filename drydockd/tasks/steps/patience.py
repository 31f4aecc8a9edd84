"""The one place where a call is repeated while its backend is away for a moment."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from drydockd.errors import DriverTransient

T = TypeVar("T")

FIRST_PAUSE = 1.0


def growing(made: int, longest: float) -> float:
    """Return the seconds to pause after `made` calls: 1, 2, 4 ... up to `longest`."""
    return min(FIRST_PAUSE * 2.0 ** min(made - 1, 30), longest)


async def patiently(
    call: Callable[[], Awaitable[T]],
    *,
    tell: Callable[[DriverTransient], Awaitable[None]],
    pause: Callable[[int], Awaitable[None]],
    tries: int | None = None,
) -> T:
    """Return what `call` returns; on DriverTransient `tell` it, `pause`, and call again.

    For calls that may be repeated. `pause` gets the number of calls made so far and may raise
    to give up. After `tries` calls (None: no end but the caller's) the last error is raised.
    """
    for made in itertools.count(1):
        try:
            return await call()
        except DriverTransient as error:
            if made == tries:
                raise
            await tell(error)
        await pause(made)
    raise AssertionError("unreachable")

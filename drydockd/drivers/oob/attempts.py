"""How an operation on a BMC is repeated inside one deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from drydockd.errors import DriverTransient

T = TypeVar("T")

# Five attempts. Source: contract, oob-faults, D.
PAUSES: tuple[float, ...] = (1.0, 2.0, 5.0, 10.0)


async def repeated(
    operation: Callable[[], Awaitable[T]], *, until: float, pauses: Sequence[float] = PAUSES
) -> T:
    """Return what `operation` returns; on DriverTransient pause and do all of it again.

    Raises the last error when all pauses were made, or the next would end after `until` (of the
    loop's clock). For operations that may be repeated.
    """
    clock = asyncio.get_running_loop().time
    for pause in pauses:
        try:
            return await operation()
        except DriverTransient:
            if clock() + pause >= until:
                raise
        await asyncio.sleep(pause)
    return await operation()

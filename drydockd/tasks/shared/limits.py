"""How long one piece of work may take."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class LimitPassed(Exception):
    """The time limit of one piece of work passed; the work was cancelled or abandoned."""


# Work that ignored its cancellation; kept until it ends so that nothing is collected half-way.
_abandoned: set[asyncio.Task[Any]] = set()


async def bounded(
    work: Coroutine[Any, Any, T], seconds: float, *, name: str, abandon_after: float = 1.0
) -> T:
    """Return what `work` returns, or raise what it raises, within `seconds`.

    Raises LimitPassed. Work that does not end `abandon_after` seconds after it was
    cancelled is left behind: its outcome no longer matters to anyone.
    """
    task = asyncio.create_task(work, name=name)
    try:
        done, _ = await asyncio.wait({task}, timeout=max(0.0, seconds))
        if done:
            return task.result()
        raise LimitPassed
    finally:
        if not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=abandon_after)
            if not task.done():
                _abandoned.add(task)
                task.add_done_callback(_forget)
            elif not task.cancelled():
                task.exception()


def _forget(task: asyncio.Task[Any]) -> None:
    _abandoned.discard(task)
    if not task.cancelled():
        task.exception()

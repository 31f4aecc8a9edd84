"""How a thread with long work lets the event loop go on in between."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

GiveWay = Callable[[], None]
# So long at most: a loop that has ended, or hangs, keeps no file from being written.
_LONGEST_SECONDS = 1.0


def nobody_waits() -> None:
    """Give way to nobody: where there is no loop."""


def giving_way(loop: asyncio.AbstractEventLoop) -> GiveWay:
    """Return what a thread calls between two slices: it returns when `loop` has had a turn.

    To let go of the interpreter for a moment, as each write and checksum does, is not enough:
    the thread has it back before the loop's has woken up, again and again on a busy machine.
    """

    def give_way() -> None:
        turn = threading.Event()
        try:
            loop.call_soon_threadsafe(turn.set)
        except RuntimeError:  # closed
            return
        turn.wait(_LONGEST_SECONDS)

    return give_way

"""Keeps the garbage collector from holding the loop.

A full collection visits every object the collector tracks, and the loop stands still meanwhile:
0.2 s once there are a million. A task of ten thousand nodes leaves two million, none of which
can be part of a cycle; reference counting frees them all the same.

What only a full collection finds (connections and requests that ended in an error, say) would
grow meanwhile: by the thresholds below one comes after millions of objects. So memory is looked
at now and then, and all is collected when it has grown (`Sweeper`), the less often the less it
helps: much of what grows is in use, or was freed and kept by the allocator for later.
"""

from __future__ import annotations

import asyncio
import ctypes
import gc
import resource
import time
from collections.abc import Callable
from pathlib import Path

# Part of CPython's documented C API ("Supporting Cyclic Garbage Collection"); absent elsewhere.
_untrack = getattr(ctypes.pythonapi, "PyObject_GC_UnTrack", None)
if _untrack is not None:
    _untrack.argtypes = [ctypes.py_object]
    _untrack.restype = None

# So many objects more than there were when it was collected last, and the youngest generation is
# collected again (700 by default). With 16 requests at work that was 7 % of the daemon's time, as
# most of what they are made of is in use at any moment. It may find several times as many, as
# each older one that ends lets it wait for one more: 10,000 at 2,500 took up to 9 ms of CPU while
# 3,000 nodes were at work and 13 at 10,000. At 1,000 it is 4 at 3,000, and a node costs two
# hundredths more.
YOUNG = 1000
# When the youngest generation was collected more often than this the middle one is collected with
# it, and after so many of those all (10 and 10 by default). At 2 the middle one held the loop for
# 11 ms, at 1 for 18 where 10,000 nodes were at work, 60 times in half a minute for over 10; at 0
# it is every second time, with no more than two of the youngest leave, and a node costs a tenth
# less. What is garbage in a cycle nearly always is found by these two; the coroutines of thousands
# of nodes at work are visited by each full one for nothing, for 10 ms per thousand nodes.
OFTEN, SELDOM = 0, 7875
# So often the memory is looked at, which takes 50 us.
LOOK_SECONDS = 1.0
# When it has grown by so much since all was collected last, all is collected.
GROWTH_BYTES = 32 << 20
# So much of the time at most, however fast it grows: 0.2 s are followed by 4 s without.
SHARE = 0.05
# And of so much while they find little: 0.1 s are followed by 20 s without.
SHARE_IN_VAIN = 0.005
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = resource.getpagesize()

# glibc's; keeps what was freed for later unless asked, 66 of 264 MiB after large bodies.
_trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
_mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
# Its options, and what they are set to. A block of so many bytes goes back to the system when it
# is freed: by default glibc keeps ever larger ones, up to 32 MiB, once one of them was freed.
# What is free at the end of the others goes back beyond so much, and all threads share two heaps.
# Source: mallopt(3).
MALLOC = {
    "M_MMAP_THRESHOLD": (-3, 1 << 20),
    "M_TRIM_THRESHOLD": (-1, 8 << 20),
    "M_ARENA_MAX": (-8, 2),
}


def settle() -> None:
    """Call once after the start: what was imported and loaded lives as long as the process."""
    if _mallopt is not None:
        for option, value in MALLOC.values():
            _mallopt(option, value)
    gc.freeze()
    gc.set_threshold(YOUNG, OFTEN, SELDOM)


def untrack(*values: object) -> None:
    """Take `values` out of every collection; again is fine.

    Only containers of the collector's own kind: instances, tuples, lists, dicts. None of them
    may ever come to point, over whatever it holds, at itself.
    """
    if _untrack is not None:
        for value in values:
            _untrack(value)


def resident_bytes() -> int | None:
    """Return the memory this process has in use; None where the system does not say."""
    try:
        return int(_STATM.read_bytes().split()[1]) * _PAGE_BYTES
    except OSError:
        return None


def trim() -> None:
    """Give back to the system what was freed and is kept for later; takes a few milliseconds."""
    if _trim is not None:
        _trim(0)


def collect() -> None:
    """Collect everything, and give back to the system what was freed."""
    gc.collect()
    trim()


class Sweeper:
    """Collects everything when memory has grown, for a bounded share of the time.

    What was only freed is given back first: then there may be nothing to collect for. `resident`
    returns bytes or None (then nothing is ever done), `clock` seconds.
    """

    def __init__(
        self,
        resident: Callable[[], int | None] = resident_bytes,
        sweep: Callable[[], None] = collect,
        give_back: Callable[[], None] = trim,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._resident, self._clock = resident, clock
        self._sweep, self._give_back = sweep, give_back
        self._least = resident()
        self._not_before = clock()

    def look(self) -> bool:
        """Collect if it is time to; return whether it was."""
        if not self._has_grown():
            return False
        self._give_back()
        start = self._clock()
        if not self._has_grown() or start < self._not_before:
            return False
        before = self._resident()
        self._sweep()
        end, after = self._clock(), self._resident()
        is_in_vain = before is None or after is None or before - after < GROWTH_BYTES // 2
        share = SHARE_IN_VAIN if is_in_vain else SHARE
        self._not_before = end + (end - start) * (1 - share) / share
        self._least = after
        return True

    def _has_grown(self) -> bool:
        """Whether so much more is in use than the least since all was collected."""
        now = self._resident()
        if now is None or self._least is None:
            return False
        # What went down by itself may grow again before it counts.
        self._least = min(self._least, now)
        return now - self._least >= GROWTH_BYTES

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            self.look()

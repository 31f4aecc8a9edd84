"""Keeps the garbage collector from holding the loop.

A full collection visits every object the collector tracks, and the loop stands still meanwhile:
0.2 s once there are a million. A task of ten thousand nodes leaves two million, none of which
can be part of a cycle; reference counting frees them all the same.
"""

from __future__ import annotations

import ctypes
import gc

# Part of CPython's documented C API ("Supporting Cyclic Garbage Collection"); absent elsewhere.
_untrack = getattr(ctypes.pythonapi, "PyObject_GC_UnTrack", None)
if _untrack is not None:
    _untrack.argtypes = [ctypes.py_object]
    _untrack.restype = None

# So many objects more than there were when it was collected last, and the youngest generation is
# collected again (700 by default). With 16 requests at work that was 7 % of the daemon's time, as
# most of what they are made of is in use at any moment. It may find several times as many, as
# each older one that ends lets it wait for one more: 13,000 at 5,000 took up to 12 ms.
YOUNG = 2500
# After so many collections of the youngest generation the middle one is collected too, and after
# so many of that all (10 and 10 by default). At 2 the middle one held the loop for 11 ms. What
# is garbage in a cycle nearly always is found by these two; the coroutines of thousands of nodes
# at work are visited by each full one for nothing, for 10 ms per thousand nodes.
OFTEN, SELDOM = 1, 2100


def settle() -> None:
    """Call once after the start: what was imported and loaded lives as long as the process."""
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

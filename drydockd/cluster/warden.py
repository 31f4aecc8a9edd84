"""A second process that kills this one once its right to act is over.

A daemon that is stopped, swapped out or stuck looks at no clock; resumed, it would send at once
what it was about to send, on top of what another daemon did since. So a child that does nothing
else watches the time, in memory that both share, and kills it before that. Nobody has to answer:
where either of the two ends, the other does. Source: contract, scale, section 6, "Warden".
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import logging
import math
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NoReturn

from drydockd.acting import MARK

log = logging.getLogger(__name__)

NANO = 1_000_000_000
# How long the child sleeps at most: a lease that begins is watched before it can end.
LOOK_SECONDS = 0.25
# What ends the parent is no signal to the child: it goes when the parent is gone.
NOT_OURS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Warden:
    """Made by `fork` before the process has a second thread; `live_until` from any thread."""

    def __init__(self, pid: int, shared: mmap.mmap) -> None:
        self.pid = pid
        self._until = ctypes.c_int64.from_buffer(shared)
        self._pidfd = os.pidfd_open(pid)
        self._watching: asyncio.AbstractEventLoop | None = None

    @classmethod
    def fork(cls, *, look_seconds: float = LOOK_SECONDS) -> Warden:
        """Begin to watch over the calling process. Raises OSError.

        The child keeps no file of the parent's open, and no lock of it can hold it: it runs
        nothing but this module.
        """
        shared = mmap.mmap(-1, ctypes.sizeof(ctypes.c_int64))
        parent = os.pidfd_open(os.getpid())
        parent_id = os.getpid()
        # Else one that comes at once would end the child before it says that it is not for it.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, NOT_OURS)
        try:
            pid = os.fork()
            if not pid:
                _watch(parent, parent_id, shared, look_seconds)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            os.close(parent)
        return cls(pid, shared)

    def live_until(self, moment: float | None) -> None:
        """Have this process killed at `moment` of the monotonic clock; None: not at all."""
        # One store of eight bytes: the child sees the old one or the new one.
        self._until.value = 0 if moment is None else max(1, int(moment * NANO))

    def guard(self, gone: Callable[[], None]) -> None:
        """Call `gone` on this loop when the child has ended: nobody watches any more."""
        self._watching = asyncio.get_running_loop()
        self._watching.add_reader(self._pidfd, self._ended, gone)

    def _ended(self, gone: Callable[[], None]) -> None:
        self._unwatch()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        log.critical("the warden %d has ended, and nobody else watches this process", self.pid)
        gone()

    def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.remove_reader(self._pidfd)
            self._watching = None

    def end_programs(self) -> None:
        """Kill the programs that this process has started, before it ends by itself.

        By them it speaks to BMCs, and they would go on.
        """
        _kill_all(pid for pid in _descendants(os.getpid()) if pid != self.pid)

    def close(self) -> None:
        """End the child: this process acts no more. Safe twice."""
        self._unwatch()
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
            os.close(self._pidfd)
            self._pidfd = -1


def _watch(parent: int, parent_id: int, shared: mmap.mmap, look_seconds: float) -> NoReturn:
    """The child's whole life. `parent` is its pidfd."""
    try:
        _be_alone(parent)
        until = ctypes.c_int64.from_buffer(shared)
        poll = select.poll()
        poll.register(parent, select.POLLIN)
        while True:
            moment = until.value
            left = (moment - time.monotonic_ns()) / NANO if moment else math.inf
            # Looked at anew after the clock: it may have got more time just before.
            if left <= 0 and until.value == moment:
                _kill(parent, parent_id)
                break
            if poll.poll(max(0, min(left, look_seconds)) * 1000):
                # The parent is gone, whoever killed it; its programs are nobody's children now.
                _kill_all(_marked(parent_id))
                break
    finally:
        os._exit(0)


def _be_alone(parent: int) -> None:
    """Let go of what the parent had open: its sockets must be free as soon as it is dead."""
    for number in NOT_OURS:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text("drydockd-warden", encoding="ascii")
    os.closerange(3, parent)
    os.closerange(parent + 1, os.sysconf("SC_OPEN_MAX"))


def _kill(parent: int, parent_id: int) -> None:
    """Kill the parent, and the programs by which it speaks to machines."""
    with contextlib.suppress(ProcessLookupError):
        # Stopped, it starts no further one between the look and the end.
        signal.pidfd_send_signal(parent, signal.SIGSTOP)
        programs = list(_descendants(parent_id))
        signal.pidfd_send_signal(parent, signal.SIGKILL)
        _kill_all(programs)


def _kill_all(programs: Iterable[int]) -> None:
    for pid in programs:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _marked(pid: int) -> Iterator[int]:
    """The programs that were started for `pid`, also those that have another parent by now."""
    mark = f"{MARK}={pid}".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in environment.read_bytes().split(b"\0"):
                yield int(environment.parent.name)


def _descendants(pid: int) -> Iterator[int]:
    """The processes below `pid`, this one left out."""
    for child in _children(pid):
        if child != os.getpid():
            yield from _descendants(child)
            yield child


def _children(pid: int) -> list[int]:
    """Source: proc(5), /proc/pid/stat: the name may hold anything, behind it is the state."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = stat.read_text(encoding="ascii", errors="replace")
            if int(text.rpartition(")")[2].split()[1]) == pid:
                found.append(int(stat.parent.name))
    return found

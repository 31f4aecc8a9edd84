"""A program run as a child that outlives no call: bounded in time, in output, in company.

It is the first of a process group of its own, and all of that group dies with it: `virsh` leaves
its ssh to nobody. There is no await between its start and the promise to end it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

LARGEST_BYTES = 4 * 1024 * 1024
# How long a call waits for a killed child to be gone: one that hangs in the kernel stays longer.
GONE_SECONDS = 2.0
_CHUNK = 65536


class OutputTooLong(Exception):
    """The program wrote more than it may; it was killed."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (negative: the signal) and what it wrote."""

    code: int
    out: str
    err: str


async def run(
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    until: float,
    pass_fds: Sequence[int] = (),
    largest_bytes: int = LARGEST_BYTES,
) -> Ended:
    """Run a program to its end, with exactly `environment` and no standard input.

    `until` is the time of the loop's clock at which its process group is killed, then
    TimeoutError. Also OutputTooLong (of both outputs together), and OSError when it cannot be
    started. Cancelled, it kills the group too.
    """
    child = _Child(arguments, environment, pass_fds, largest_bytes)
    try:
        async with asyncio.timeout_at(until):
            await asyncio.shield(child.ended)
    finally:
        await child.close()
    return child.answer()


class _Child:
    """One started program; the loop's reader of its pidfd reaps it, whoever still waits."""

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        pass_fds: Sequence[int],
        largest_bytes: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._room = largest_bytes
        self._is_too_long = False
        # Not asyncio's own: its start is an await that can be cancelled, it waits for each child
        # in a thread (before Python 3.12), and ends no group.
        self._process = subprocess.Popen(  # noqa: S603, drivers give the words one by one
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            cwd="/",
            pass_fds=pass_fds,
            start_new_session=True,
            bufsize=0,
        )
        assert self._process.stdout is not None  # noqa: S101, made with pipes
        assert self._process.stderr is not None  # noqa: S101
        self._pipes = (self._process.stdout, self._process.stderr)
        try:
            self._pidfd = os.pidfd_open(self._process.pid)
        except OSError:  # no more file descriptors
            self._bury()
            raise
        self._outputs = {pipe.fileno(): bytearray() for pipe in self._pipes}
        for fd in self._outputs:
            os.set_blocking(fd, False)
            self._loop.add_reader(fd, self._read, fd)
        self._loop.add_reader(self._pidfd, self._reap)

    def _read(self, fd: int) -> bool:
        """Take what is there; False when there is nothing now, or never again."""
        try:
            chunk = os.read(fd, _CHUNK)
        except BlockingIOError:
            return False
        if not chunk:
            self._loop.remove_reader(fd)
            return False
        self._room -= len(chunk)
        if self._room < 0:
            self._is_too_long = True
            self._loop.remove_reader(fd)
            self._kill()
            return False
        self._outputs[fd] += chunk
        return True

    def _kill(self) -> None:
        """Kill the group. Its number is ours for as long as its leader was not reaped."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def _reap(self) -> None:
        """The leader is dead: so is its group from here on, and no one is left to write."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for fd in self._outputs:
            while not self._is_too_long and self._read(fd):
                pass
            self._loop.remove_reader(fd)
        self._bury()
        self.ended.set_result(None)

    def _bury(self) -> None:
        self._kill()
        self._process.wait()
        for pipe in self._pipes:
            pipe.close()

    async def close(self) -> None:
        """Kill what still runs, and wait until it is gone."""
        if not self.ended.done():
            self._kill()
            await asyncio.wait({self.ended}, timeout=GONE_SECONDS)

    def answer(self) -> Ended:
        if self._is_too_long:
            raise OutputTooLong
        out, err = (bytes(text).decode(errors="replace") for text in self._outputs.values())
        return Ended(self._process.returncode, out, err)

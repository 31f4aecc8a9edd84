"""A program run as a child that outlives no call: bounded in time, in output, in company.

It is the first of a process group of its own, and all of that group dies with it: `virsh` leaves
its ssh to nobody.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from drydockd import acting
from drydockd.errors import DriverPersistent, DriverTransient

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
    starter: Starter,
    pass_fds: Sequence[int] = (),
    largest_bytes: int = LARGEST_BYTES,
) -> Ended:
    """Run a program to its end, with exactly `environment` and no standard input.

    `until` is the time of the loop's clock at which its process group is killed, then
    TimeoutError. Also OutputTooLong (of both outputs together), and OSError when it cannot be
    started. Cancelled, it kills the group too.
    """
    child = None
    try:
        async with asyncio.timeout_at(until):
            process = await starter.start(arguments, environment, pass_fds)
            child = _Child(process, largest_bytes)
            await asyncio.shield(child.ended)
    finally:
        if child is not None:
            await child.close()
    return child.answer()


@dataclass(frozen=True, slots=True)
class Question:
    """What messages say of a run: for which node, what it asks, and whom."""

    node: str
    what: str
    whom: str

    def __str__(self) -> str:
        return f"{self.node}: {self.what}"


async def ask(
    question: Question,
    arguments: Sequence[str],
    *,
    environment: Mapping[str, str],
    seconds: float,
    until: float,
    starter: Starter,
    pass_fds: Sequence[int] = (),
    largest_bytes: int = LARGEST_BYTES,
) -> Ended:
    """`run` a program that asks, for `seconds` at most; return how it ended.

    Raises DriverTransient where it did not end in time or could not be started,
    DriverPersistent where it wrote too much.
    """
    left = min(seconds, max(until - asyncio.get_running_loop().time(), 0))
    try:
        return await run(
            arguments,
            environment=environment,
            until=asyncio.get_running_loop().time() + left,
            starter=starter,
            pass_fds=pass_fds,
            largest_bytes=largest_bytes,
        )
    except TimeoutError:
        raise DriverTransient(
            f"{question}: no answer from {question.whom} within {left:.3g} s"
        ) from None
    except OutputTooLong:
        raise DriverPersistent(
            f"{question}: the answer of {question.whom} is over {largest_bytes} bytes"
        ) from None
    except OSError as error:
        raise DriverTransient(
            f"{question}: {arguments[0]} cannot be started: {error.strerror}"
        ) from error


class Starter:
    """Starts programs in a thread of its own, one by one.

    A start waits until the program was loaded: on a busy host that held the loop for 30 ms each,
    against under 5 ms in all from a thread.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="starter")

    async def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int]
    ) -> subprocess.Popen[bytes]:
        """Return the program once it was started. Cancelled, it leaves none."""
        # Here: what belongs to the context does not come along to a thread.
        environment = acting.marked(environment)

        def start() -> subprocess.Popen[bytes]:
            # Not asyncio's own: it waits for each child in a thread (before Python 3.12), and ends
            # no group.
            return subprocess.Popen(  # noqa: S603, drivers give the words one by one
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

        order = self._thread.submit(start)
        starting = asyncio.wrap_future(order)
        try:
            return await asyncio.shield(starting)
        except asyncio.CancelledError:
            if not order.cancel():  # it is being started
                starting.add_done_callback(_discard)
                await asyncio.wait({starting})
            raise

    def close(self) -> None:
        """End the thread; what it started is ended by those who wait for it."""
        self._thread.shutdown(wait=False)


def _discard(starting: asyncio.Future[subprocess.Popen[bytes]]) -> None:
    if not starting.cancelled() and starting.exception() is None:
        _bury(starting.result())


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the group. Its number is ours for as long as its leader was not reaped."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _bury(process: subprocess.Popen[bytes]) -> None:
    _kill(process)
    process.wait()
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()


class _Child:
    """One started program; the loop's reader of its pidfd reaps it, whoever still waits."""

    def __init__(self, process: subprocess.Popen[bytes], largest_bytes: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._room = largest_bytes
        self._is_too_long = False
        self._process = process
        try:
            self._pidfd = os.pidfd_open(process.pid)
        except OSError:  # no more file descriptors
            _bury(process)
            raise
        pipes = [pipe for pipe in (process.stdout, process.stderr) if pipe is not None]
        self._outputs = {pipe.fileno(): bytearray() for pipe in pipes}
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
            _kill(self._process)
            return False
        self._outputs[fd] += chunk
        return True

    def _reap(self) -> None:
        """The leader is dead: so is its group from here on, and no one is left to write."""
        self._loop.remove_reader(self._pidfd)
        os.close(self._pidfd)
        for fd in self._outputs:
            while not self._is_too_long and self._read(fd):
                pass
            self._loop.remove_reader(fd)
        _bury(self._process)
        self.ended.set_result(None)

    async def close(self) -> None:
        """Kill what still runs, and wait until it is gone."""
        if not self.ended.done():
            _kill(self._process)
            await asyncio.wait({self.ended}, timeout=GONE_SECONDS)

    def answer(self) -> Ended:
        if self._is_too_long:
            raise OutputTooLong
        out, err = (bytes(text).decode(errors="replace") for text in self._outputs.values())
        return Ended(self._process.returncode, out, err)

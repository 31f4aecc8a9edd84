"""Work in a process of its own, under hard limits: what may cost too much, or is nobody's word.

A worker process is started isolated, with its module loaded; it reads jobs from its standard
input and answers on its standard output, frames of a 4-byte length and a body. For each job it
forks a child, which lowers its limits, works and ends: what one job did, the next cannot see.
A child that takes too long is killed. `Workers` is the daemon's side, the rest the worker's.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
import traceback
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import BinaryIO

_LENGTH = struct.Struct(">I")
# A worker is started isolated (no environment, no user site) and gets our module path.
_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from importlib import import_module; import_module(sys.argv[2]).main()"
)
_WRITE_BYTES = 1 << 20
KILL = int(signal.SIGKILL)
# The exit status of a child without the memory to say that it has none.
_OUT_OF_MEMORY = 3
# Where they share a processor, the daemon's loop goes before its workers: nine parts of ten.
NICE = 10
_prctl = getattr(ctypes.CDLL(None), "prctl", None)
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)


class WorkerFailed(Exception):
    """The worker did not answer, or is gone; the text says how. It was ended."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may use, beyond what its worker had when it forked."""

    seconds: float
    memory_bytes: int
    answer_bytes: int


@dataclass(frozen=True, slots=True)
class Ended:
    """A child ended without an answer; `text` says how, `by` which signal (0: none)."""

    text: str
    by: int = 0


class Workers:
    """The workers of one module, for one event loop: started when needed, kept for the next job.

    As many as there are callers at once; they bound that. They end with `close` and when this
    process does. One that fails is replaced at the next job.
    """

    def __init__(self, module: str, *, idle_seconds: float | None = None) -> None:
        self._module = module
        self._idle_seconds = idle_seconds
        self._retirement: asyncio.TimerHandle | None = None
        self.idle: list[Process] = []
        self.busy: set[Process] = set()

    async def ask(self, *job: bytes, seconds: float) -> bytes:
        """Return the answer to the job of these parts. Raises WorkerFailed, after `seconds` too."""
        process = self.idle.pop() if self.idle else await self._start()
        self.busy.add(process)
        try:
            async with asyncio.timeout(seconds):
                answer = await _talk(process, job)
        except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError) as error:
            await self._end(process)
            raise WorkerFailed(f"worker failed: {type(error).__name__}") from error
        except BaseException:
            await self._end(process)
            raise
        self.busy.discard(process)
        self.idle.append(process)
        self._plan_retirement()
        return answer

    def _plan_retirement(self) -> None:
        if self._idle_seconds is None:
            return
        if self._retirement is not None:
            self._retirement.cancel()
        loop = asyncio.get_running_loop()
        self._retirement = loop.call_later(self._idle_seconds, self.retire)

    def retire(self) -> None:
        """Let those without a job go: each ends with its input."""
        processes, self.idle = self.idle, []
        for process in processes:
            if process.stdin is not None:
                process.stdin.close()

    async def close(self) -> None:
        """End the workers. May be called twice; a job afterwards starts new ones."""
        if self._retirement is not None:
            self._retirement.cancel()
        processes, self.idle = [*self.idle, *self.busy], []
        for process in processes:
            await self._end(process)

    async def _start(self) -> Process:
        try:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-c",
                _START,
                json.dumps(sys.path),
                self._module,
                stdin=PIPE,
                stdout=PIPE,
                env={},
            )
        except OSError as error:
            raise WorkerFailed(f"worker does not start: {error}") from error

    async def _end(self, process: Process) -> None:
        self.busy.discard(process)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def _talk(process: Process, job: Sequence[bytes]) -> bytes:
    stdin, stdout = process.stdin, process.stdout
    assert stdin is not None  # noqa: S101, made with pipes
    assert stdout is not None  # noqa: S101
    stdin.write(_LENGTH.pack(sum(map(len, job))))
    # In pieces: written at once, the transport would keep a copy of what the pipe has no room for.
    for part in job:
        view = memoryview(part)
        for start in range(0, len(part), _WRITE_BYTES):
            stdin.write(view[start : start + _WRITE_BYTES])
            await stdin.drain()
    return await stdout.readexactly(length_of(await stdout.readexactly(_LENGTH.size)))


def framed(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    length: int = _LENGTH.unpack(head)[0]
    return length


def main(answer: Callable[[bytes], bytes]) -> None:
    """Be a worker: answer jobs until the input ends. Call it when everything is loaded."""
    # Both go to the whole group of a service or terminal; a worker ends with its input, after
    # the daemon has drained.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    _be_first_to_go()
    os.nice(NICE)
    # A child that collects garbage would copy every page it looks at.
    gc.collect()
    gc.freeze()
    try:
        serve(sys.stdin.buffer, sys.stdout.buffer, answer)
    except BrokenPipeError:
        # The daemon was killed, or is done with this worker. Written to its log if that lives.
        sys.stderr.write("drydockd worker: ended, nobody is there for its answer\n")
        # What is left of the answer is tried again, in vain, when Python closes its output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def serve(jobs: BinaryIO, answers: BinaryIO, answer: Callable[[bytes], bytes]) -> None:
    """Answer jobs until the input ends; each is a frame, in and out."""
    while len(head := jobs.read(_LENGTH.size)) == _LENGTH.size:
        answers.write(framed(answer(jobs.read(length_of(head)))))
        answers.flush()


def run(work: Callable[[], bytes], limits: Limits) -> bytes | Ended:
    """Fork a child that does `work` within `limits`, and return what it returns."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _child(work, limits, writer)
    os.close(writer)
    answer = _read_all(reader, limits)
    os.close(reader)
    if isinstance(answer, Ended):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if answer == b"":
        return _end_of(status, limits)
    return answer


def _read_all(reader: int, limits: Limits) -> bytes | Ended:
    """Return what comes until the end of the file."""
    parts, deadline = bytearray(), time.monotonic() + limits.seconds
    poll = select.poll()  # whatever number it has
    poll.register(reader, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poll.poll(1000 * left):
            break
        part = os.read(reader, 1 << 20)
        if not part:
            return bytes(parts)
        parts += part
        if len(parts) > limits.answer_bytes:
            return Ended(f"answers with more than {limits.answer_bytes} bytes")
    return Ended(f"takes longer than {limits.seconds:g} s")


def _end_of(status: int, limits: Limits) -> Ended:
    if not os.WIFSIGNALED(status):
        if os.WEXITSTATUS(status) == _OUT_OF_MEMORY:
            return Ended(f"needs more than {limits.memory_bytes >> 20} MiB of memory")
        return Ended("ended its process without an answer")
    number = os.WTERMSIG(status)
    if number == signal.SIGXCPU:
        return Ended(f"uses more than {limits.seconds:g} s of processor time", number)
    return Ended(f"ended its process with {signal.Signals(number).name}", number)


def _child(work: Callable[[], bytes], limits: Limits, writer: int) -> None:
    """Work and leave; never returns."""
    try:
        _die_with_parent()
        lower(limits)
        answer = memoryview(work())
        while answer:
            answer = answer[os.write(writer, answer) :]
    except MemoryError:
        # Where there was none for the work, there may be none for a text either.
        os._exit(_OUT_OF_MEMORY)
    except Exception:
        # To the daemon's log; what is in the way of that is not worth more.
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(0)


def lower(limits: Limits) -> None:
    """Take from this process what it does not need, for good."""
    _lower(resource.RLIMIT_CPU, int(limits.seconds) + 1)
    _lower(resource.RLIMIT_AS, _address_space() + limits.memory_bytes)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, 0)
    _lower(resource.RLIMIT_CORE, 0)


def _die_with_parent() -> None:
    """A worker that is killed takes its child with it (Linux; elsewhere the limits end it)."""
    if _prctl is not None:
        _prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)


def _lower(what: int, to: int) -> None:
    # Some systems refuse some limits; the others and the deadline still hold.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(what, (to, to))


def _address_space() -> int:
    """Return the bytes of address space in use; where nobody tells, a generous guess."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 512 * 2**20


def _be_first_to_go() -> None:
    """Where the service's memory is limited, the kernel ends a worker before the daemon."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")

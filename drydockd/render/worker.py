"""Render one template in a process of its own, with hard limits; the worker's side.

A worker is started by `templates`, reads jobs from its standard input and answers on its
standard output: frames of a 4-byte length and JSON. For each job it forks a child, which
sets limits on memory, processor time, files and processes, renders and ends. The child
inherits nothing but the worker: what one template did, the next cannot see. A child that
takes too long is killed.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Mapping
from typing import BinaryIO, TypedDict

from jinja2 import UndefinedError

from drydockd.render import sandbox

_LENGTH = struct.Struct(">I")


class Job(TypedDict):
    """What to render, and within what; `chars` bounds the text."""

    source: str
    context: Mapping[str, object]
    chars: int
    seconds: float
    memory_bytes: int


class Answer(TypedDict, total=False):
    """Either the text or what went wrong."""

    text: str
    error: str


def frame(message: Job | Answer) -> bytes:
    """Return `message` as a frame; the parent reads it with `_LENGTH` too."""
    body = json.dumps(message).encode("ascii")
    return _LENGTH.pack(len(body)) + body


def length_of(head: bytes) -> int:
    length: int = _LENGTH.unpack(head)[0]
    return length


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until the input ends.

    Each is a frame: a `Job` in, an `Answer` out.
    """
    while len(head := jobs.read(_LENGTH.size)) == _LENGTH.size:
        job = json.loads(jobs.read(length_of(head)))
        answers.write(run_limited(job))
        answers.flush()


def run_limited(job: Job) -> bytes:
    """Fork a child for the job and return its answer, a frame."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _child(job, writer)
    os.close(writer)
    deadline = time.monotonic() + job["seconds"]
    # JSON may write a character as twelve bytes: a pair of escapes.
    answer = _read_all(reader, deadline, 12 * job["chars"] + 4096)
    os.close(reader)
    if answer is None:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if answer is None:
        return frame({"error": f"takes longer than {job['seconds']:g} s"})
    if not answer:
        return frame({"error": _end_of(status)})
    return answer


def _read_all(reader: int, deadline: float, most: int) -> bytes | None:
    """Return what comes until the end of the file, None when it is late or too much."""
    parts = bytearray()
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([reader], [], [], left)[0]:
            return None
        part = os.read(reader, 1 << 20)
        if not part:
            return bytes(parts)
        parts += part
        if len(parts) > most:
            return None
    return None


def _end_of(status: int) -> str:
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        if number == signal.SIGXCPU:
            return "uses more processor time than a template may"
        return f"ended its process with {signal.Signals(number).name}"
    return "ended its process without an answer"


def _child(job: Job, writer: int) -> None:
    """Render and leave; never returns."""
    try:
        _limit(job["seconds"], job["memory_bytes"])
        answer = _answer(job)
        while answer:
            answer = answer[os.write(writer, answer) :]
    finally:
        os._exit(0)


def _answer(job: Job) -> bytes:
    too_much = frame({"error": f"needs more than {job['memory_bytes'] >> 20} MiB of memory"})
    try:
        text = sandbox.render_any(job["source"], job["context"], job["chars"])
        return frame({"text": text})
    except MemoryError:
        return too_much
    except OSError:
        # Its text would name a file of this machine.
        return frame({"error": "tries to open a file"})
    except Exception as error:
        return frame({"error": sandbox.describe(error)})


def _limit(seconds: float, memory_bytes: int) -> None:
    whole = int(seconds) + 1
    _lower(resource.RLIMIT_CPU, whole)
    _lower(resource.RLIMIT_AS, _address_space() + memory_bytes)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NPROC, 0)
    _lower(resource.RLIMIT_NOFILE, 0)
    _lower(resource.RLIMIT_CORE, 0)


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


def warm_up() -> None:
    """Have everything loaded that Jinja2 loads late: a child may open no file."""
    sandbox.render_any("{{ 'a'|pprint }}{{ 1|tojson }}{{ 'http://a'|urlize }}", {}, 4096)
    try:
        sandbox.render_any("{{ nothing }}", {}, 1)
    except UndefinedError as error:
        sandbox.describe(error)


def main() -> None:
    # Both go to the whole group of a service or terminal; a worker ends with its input, after
    # the daemon has drained.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    warm_up()
    # A child that collects garbage would copy every page it looks at.
    gc.collect()
    gc.freeze()
    serve(sys.stdin.buffer, sys.stdout.buffer)

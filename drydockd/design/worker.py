"""Compile one design in a process of its own; the worker's side (see `drydockd.apart`)."""

from __future__ import annotations

import gc
import logging
import struct
from collections.abc import Iterator
from functools import partial

from drydockd import apart
from drydockd.design import parcels
from drydockd.design.compile import compile_site
from drydockd.design.parcels import Compiled
from drydockd.design.rules import all_rules
from drydockd.design.validate import judge

DONE, FAILED, KILLED = b"+", b"-", b"!"
_HEAD = struct.Struct(">dQQQ")


def job(content: bytes, limits: apart.Limits, expansion: int) -> Iterator[bytes]:
    """Yield the parts of a job, which are not joined: a design may have 64 MiB."""
    yield _HEAD.pack(limits.seconds, limits.memory_bytes, limits.answer_bytes, expansion)
    yield content


def answer(body: bytes) -> bytes:
    """Return DONE and a parcel, or FAILED (KILLED: by somebody) and the reason."""
    seconds, memory_bytes, answer_bytes, expansion = _HEAD.unpack_from(body)
    limits = apart.Limits(seconds, memory_bytes, answer_bytes)
    found = apart.run(partial(_compiled, body, expansion), limits)
    if isinstance(found, apart.Ended):
        return (KILLED if found.by == apart.KILL else FAILED) + found.text.encode()
    return found


def _compiled(body: bytes, expansion: int) -> bytes:
    gc.disable()  # the end of the process is near
    site, findings = compile_site(body[_HEAD.size :], expansion)
    is_usable = not any(finding.error for finding in findings)
    judged = judge(site) if is_usable else {}
    return DONE + parcels.pack(Compiled(site, findings, judged))


def warm_up() -> None:
    """Have everything loaded that is loaded late: a child may open no file."""
    all_rules()
    compile_site(b"schema: drydock/Rack/v1\nmetadata: {name: r}\ndata: {a: 1.0, b: 2026-01-01}\n")


def main() -> None:
    # What the rules find is logged by the daemon; that a rule broke, here.
    logging.basicConfig(level=logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    warm_up()
    apart.main(answer)

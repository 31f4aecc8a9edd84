"""Files of the boot listener: whole or the part that Range asks for, never more than a chunk in
memory of one client, and nobody waits for a client that takes nothing.

A file goes out in slices. Few are on their way at once, given to clients in turn, so that all go
on together and none runs into its time while others are served; the chunks of all slices share
what the loop has for them in one round.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import time
from asyncio import Future
from collections.abc import Callable
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import cast

from tornado import web
from tornado.iostream import StreamClosedError

from drydockd.drivers.node.netboot.pace import Pace
from drydockd.turns import Turns

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
# A client's turn.
SLICE_BYTES = 8 * 1024 * 1024
# Who has not taken a chunk within this many seconds takes it without holding a turn.
PATIENCE_SECONDS = 0.5
OPENED_AT_ONCE = 8
# Of one client, if others wait.
MOST_OF_ONE = 2
MOST_WAITING = 1 << 16
# A client that takes nothing for so long is cut off; contract, netboot, section 11.
STALL_SECONDS = 120.0
# How often it is asked whether the sender may still have it.
ALIVE_SECONDS = 1.0
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


class Lane:
    """Where files of one kind go out: slices of `streams` clients at once, at the pace of all."""

    def __init__(self, streams: int, pace: Pace) -> None:
        self.pace = pace
        # What threads have done comes back to the loop at once, all of it in one round.
        self.opening = asyncio.Semaphore(OPENED_AT_ONCE)
        self.turns = Turns(
            "downloads",
            places=streams,
            most_of_one=MOST_OF_ONE,
            waiting=MOST_WAITING,
            waiting_of_one=MOST_WAITING,
        )


async def send_file(
    handler: web.RequestHandler,
    path: Path,
    lane: Lane,
    owner: str,
    *,
    tail: bytes = b"",
    alive: Callable[[], object] = lambda: None,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Send the file and `tail` behind it, or the part of both that Range asks for, in chunks that
    wait for the client.

    `owner` is whose turn it is in the `lane`. `alive` is called now and then; what it raises ends
    the connection. A client that hangs up, or takes nothing of a chunk for `stall_seconds`, ends
    it without an error.
    """
    async with lane.opening:
        source = await asyncio.to_thread(path.open, "rb", 0)
    try:
        in_file = os.fstat(source.fileno()).st_size
        size = in_file + len(tail)
        first, last = _span(handler, size)
        handler.set_header("Accept-Ranges", "bytes")
        handler.set_header("Content-Type", "application/octet-stream")
        if first >= size > 0:
            handler.set_status(416)
            handler.set_header("Content-Range", f"bytes */{size}")
            return
        handler.set_header("Content-Length", str(last - first))
        if handler.request.method == "HEAD":
            return
        async with asyncio.timeout(stall_seconds):
            await handler.flush()
        copy = _Copy(handler, source, in_file, tail, lane, owner, alive, stall_seconds)
        await copy.run(first, last)
    except StreamClosedError:
        log.info("netboot: %s hung up while fetching", handler.request.remote_ip)
    except TimeoutError:
        peer = handler.request.remote_ip
        log.warning("netboot: %s took nothing for %g s, cut off", peer, stall_seconds)
        stream = handler.detach()
        stream.close()
    finally:
        source.close()


def _span(handler: web.RequestHandler, size: int) -> tuple[int, int]:
    """First byte and the one behind the last; a Range that is none of ours is not looked at."""
    found = _RANGE.fullmatch(handler.request.headers.get("Range", ""))
    if found is None:
        return 0, size
    first = int(found[1])
    if found[2] and int(found[2]) < first:
        return 0, size
    last = min(size, int(found[2]) + 1) if found[2] else size
    if first < size:
        handler.set_status(206)
        handler.set_header("Content-Range", f"bytes {first}-{last - 1}/{size}")
    return first, last


@dataclass(slots=True)
class _Copy:
    """Past the handler's own buffers: each byte is copied once, and from there sent."""

    handler: web.RequestHandler
    source: FileIO
    in_file: int
    tail: bytes
    lane: Lane
    owner: str
    alive: Callable[[], object]
    stall_seconds: float
    heard: float = field(default_factory=time.monotonic)

    async def run(self, first: int, last: int) -> None:
        while first < last:
            async with self.lane.turns.turn(self.owner):
                first, late = await self._slice(first, min(last, first + SLICE_BYTES))
            if late is not None:
                async with asyncio.timeout(self.stall_seconds):
                    await late

    async def _slice(self, first: int, last: int) -> tuple[int, Future[None] | None]:
        """Send from `first`; return how far it came, and what is still to be taken of that."""
        buffer = memoryview(bytearray(min(CHUNK_BYTES, last - first)))
        for start in range(first, last, CHUNK_BYTES):
            chunk = buffer[: min(CHUNK_BYTES, last - start)]
            sent = await self._send(start, chunk)
            if not sent.done():
                await asyncio.wait([sent], timeout=PATIENCE_SECONDS)
            if not sent.done():
                return start + len(chunk), sent
            sent.result()
            now = time.monotonic()
            if now - self.heard >= ALIVE_SECONDS:
                self.heard = now
                self.alive()
        return last, None

    async def _send(self, start: int, chunk: memoryview) -> Future[None]:
        sent = await self.lane.pace.run(lambda: self._sent(start, chunk))
        if sent is None:
            await asyncio.to_thread(self._read, start, chunk)
            sent = await self.lane.pace.run(lambda: self._write(chunk))
        return sent

    def _sent(self, start: int, chunk: memoryview) -> Future[None] | None:
        """Read from the page cache and send, None where it is not there.

        A thread for each chunk costs more than the copy. Source: preadv2(2).
        """
        inside = self._inside(start, chunk)
        try:
            found = os.preadv(self.source.fileno(), [inside], start, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
                raise
            return None
        return self._write(chunk) if found == len(inside) else None

    def _inside(self, start: int, chunk: memoryview) -> memoryview:
        """Return what of the chunk is in the file; what is behind it is filled in."""
        count = max(0, min(len(chunk), self.in_file - start))
        begin = start + count - self.in_file
        chunk[count:] = self.tail[begin : begin + len(chunk) - count] if count < len(chunk) else b""
        return chunk[:count]

    def _read(self, start: int, chunk: memoryview) -> None:
        """Read from the disk. A thread's work."""
        found = 0
        inside = self._inside(start, chunk)
        while found < len(inside):
            more = os.preadv(self.source.fileno(), [inside[found:]], start + found)
            if more == 0:
                raise OSError(f"{self.source.name!r} is shorter than it was")
            found += more

    def _write(self, chunk: memoryview) -> Future[None]:
        connection = self.handler.request.connection
        if connection is None:
            raise StreamClosedError
        return connection.write(cast(bytes, chunk))

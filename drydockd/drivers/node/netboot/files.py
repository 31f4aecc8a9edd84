"""Files of the boot listener: whole or the part that Range asks for, never more than a chunk in
memory of one client, and nobody waits for a client that takes nothing."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
from collections.abc import Callable
from io import FileIO
from pathlib import Path
from typing import cast

from tornado import web
from tornado.iostream import StreamClosedError

log = logging.getLogger(__name__)

CHUNK_BYTES = 256 * 1024
# A client that takes nothing for so long is cut off; contract, netboot, section 11.
STALL_SECONDS = 120.0
_RANGE = re.compile(r"bytes=(\d{1,15})-(\d{1,15})?")


async def send_file(
    handler: web.RequestHandler,
    path: Path,
    *,
    alive: Callable[[], object] | None = None,
    stall_seconds: float = STALL_SECONDS,
) -> None:
    """Send the file, or the part that Range asks for, in chunks that wait for the client.

    `alive` is called after each chunk. A client that hangs up, or takes nothing of a chunk for
    `stall_seconds`, ends it without an error.
    """
    source = await asyncio.to_thread(path.open, "rb", 0)
    try:
        size = os.fstat(source.fileno()).st_size
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
        await handler.flush()
        await _copy(handler, source, first, last, alive, stall_seconds)
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


async def _copy(
    handler: web.RequestHandler,
    source: FileIO,
    first: int,
    last: int,
    alive: Callable[[], object] | None,
    stall_seconds: float,
) -> None:
    """Past the handler's own buffers: each byte is copied into `buffer`, and from there sent."""
    connection = handler.request.connection
    assert connection is not None  # noqa: S101
    buffer = memoryview(bytearray(min(CHUNK_BYTES, last - first)))
    for start in range(first, last, CHUNK_BYTES):
        chunk = buffer[: min(CHUNK_BYTES, last - start)]
        await _read(source, start, chunk)
        async with asyncio.timeout(stall_seconds):
            await connection.write(cast(bytes, chunk))
        # A client that takes all at once would have the loop for itself.
        await asyncio.sleep(0)
        if alive is not None:
            alive()


async def _read(source: FileIO, start: int, chunk: memoryview) -> None:
    """Fill `chunk` from `start`: at once from the page cache, else by a thread.

    A thread for each chunk costs more than the copy. Source: preadv2(2).
    """
    try:
        found = os.preadv(source.fileno(), [chunk], start, os.RWF_NOWAIT)
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EOPNOTSUPP):
            raise
        found = 0
    while found < len(chunk):
        more = await asyncio.to_thread(os.preadv, source.fileno(), [chunk[found:]], start + found)
        if more == 0:
            raise OSError(f"{source.name!r} is shorter than it was")
        found += more

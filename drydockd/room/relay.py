"""HTTP/1.1 as a balancer reads it: heads, and where bodies end. Source: RFC 9112, section 6."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")

PIECE = 65536
MOST_HEAD_BYTES = 256 * 1024
FINISH_SECONDS = 2.0
DIAL_SECONDS = 2.0
CHUNKED, UNTIL_CLOSED = -1, -2
_LENGTH = re.compile(rb"^content-length:[ \t]*(\d+)[ \t]*\r$", re.I | re.M)
_CHUNKED = re.compile(rb"^transfer-encoding:[ \t]*.*chunked[ \t]*\r$", re.I | re.M)
_CLOSE = re.compile(rb"^connection:.*\bclose\b.*\r$", re.I | re.M)
_FORWARDED = re.compile(rb"^x-forwarded-for:[ \t]*(.*?)[ \t]*\r\n", re.I | re.M)


class Broken(Exception):
    """What came is no HTTP."""


class Hurried(Exception):
    """A server hung up before the head of its answer."""


class Half(asyncio.StreamReaderProtocol):
    """One connection: a stream that also tells when the other end has hung up."""

    def __init__(self, accepted: Callable[[Half], None] | None = None) -> None:
        loop = asyncio.get_running_loop()
        self._reader = asyncio.StreamReader(limit=MOST_HEAD_BYTES, loop=loop)
        super().__init__(self._reader, loop=loop)
        self._accepted = accepted
        self._gone: asyncio.Future[None] = loop.create_future()
        self._writer: asyncio.StreamWriter
        self.address = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 (as asyncio gives)
        loop = asyncio.get_running_loop()
        self._writer = asyncio.StreamWriter(transport, self, self._reader, loop)
        name = transport.get_extra_info("peername")
        self.address = str(name[0]) if isinstance(name, tuple) else ""
        if self._accepted is not None:
            self._accepted(self)

    def eof_received(self) -> bool | None:
        self._end()
        return super().eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end()
        super().connection_lost(exc)

    def _end(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)

    @property
    def is_gone(self) -> bool:
        return self._gone.done()

    async def unless_gone(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work`, or raise ConnectionResetError as soon as this end hangs up."""
        task = asyncio.ensure_future(work)
        either: set[asyncio.Future[Any]] = {task, self._gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait({task})
        raise ConnectionResetError("hung up")

    async def head(self) -> bytes:
        """Return the next head with the empty line after it; nothing at the end."""
        try:
            return await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise Broken("a head without an end") from None
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise Broken("half a head") from error
            return b""

    async def line(self) -> bytes:
        """Raises EOFError, Broken."""
        try:
            return await self._reader.readuntil(b"\r\n")
        except asyncio.LimitOverrunError:
            raise Broken("a line without an end") from None

    async def some(self, most: int = PIECE) -> bytes:
        return await self._reader.read(most)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def finish(self) -> None:
        """Say that nothing follows, and take what is still on its way here, for a time.

        A connection that is closed with something unread is torn, and what was said last is lost.
        """
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(FINISH_SECONDS):
                self._writer.write_eof()
                while await self.some():
                    pass

    def close(self) -> None:
        self._writer.close()

    def abort(self) -> None:
        """Let the other end see that this is no regular end."""
        self._writer.transport.abort()


async def dial(host: str, port: int) -> Half:
    """Raises OSError, also when nobody answers within some seconds."""
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(DIAL_SECONDS):
        _, half = await loop.create_connection(Half, host, port)
    return half


@dataclass(frozen=True, slots=True)
class Head:
    """The head of a request or an answer, as it came."""

    raw: bytes

    @property
    def method(self) -> bytes:
        return self.raw.split(b" ", 1)[0]

    @property
    def status(self) -> int:
        return int(self.raw[9:12])

    @property
    def is_interim(self) -> bool:
        return 100 <= self.status < 200

    @property
    def is_last(self) -> bool:
        """Whether its sender closes the connection after this message."""
        line = self.raw[: self.raw.index(b"\r\n")]
        return bool(_CLOSE.search(self.raw)) or b"HTTP/1.0" in line

    @property
    def framing(self) -> int:
        """Of a request: the length of its body in bytes, or CHUNKED."""
        if _CHUNKED.search(self.raw):
            return CHUNKED
        found = _LENGTH.search(self.raw)
        return int(found[1]) if found else 0

    @property
    def has_body(self) -> bool:
        return self.framing != 0

    def framing_for(self, method: bytes) -> int:
        """Of an answer to `method`: as `framing`, or UNTIL_CLOSED."""
        if method == b"HEAD" or self.status in (204, 304):
            return 0
        if _CHUNKED.search(self.raw) or _LENGTH.search(self.raw):
            return self.framing
        return UNTIL_CLOSED

    def forwarded_for(self, address: str) -> bytes:
        """Return it with `address` as the last one that it was forwarded for."""
        before = b", ".join(found[1] for found in _FORWARDED.finditer(self.raw))
        hops = before + b", " + address.encode() if before else address.encode()
        bare = _FORWARDED.sub(b"", self.raw)
        return bare[:-2] + b"X-Forwarded-For: " + hops + b"\r\n\r\n"


async def read_head(half: Half) -> Head | None:
    """None at the end of the connection. Raises Broken."""
    raw = await half.head()
    if not raw:
        return None
    if b"HTTP/1." not in raw[: raw.index(b"\r\n")]:
        raise Broken("no HTTP")
    return Head(raw)


async def relay_body(framing: int, source: Half, target: Half) -> None:
    """Pass a body on as it comes. Raises EOFError if it ends too early, Broken."""
    if framing == CHUNKED:
        await _relay_chunks(source, target)
    elif framing == UNTIL_CLOSED:
        while data := await source.some():
            await target.write(data)
    else:
        await _relay_bytes(framing, source, target)


async def _relay_bytes(count: int, source: Half, target: Half) -> None:
    while count > 0:
        data = await source.some(min(count, PIECE))
        if not data:
            raise EOFError("a body that ends too early")
        await target.write(data)
        count -= len(data)


async def _relay_chunks(source: Half, target: Half) -> None:
    while True:
        line = await source.line()
        try:
            size = int(line.partition(b";")[0], 16)
        except ValueError:
            raise Broken("a chunk without a size") from None
        await target.write(line)
        if size == 0:
            break
        await _relay_bytes(size + 2, source, target)
    # Trailers, as a rule none, then an empty line.
    while (line := await source.line()) != b"\r\n":
        await target.write(line)
    await target.write(line)

"""A TCP line to a PostgreSQL that fails on demand: cut at a request, silent, or read no more.

It runs in a thread of its own, so that whoever uses it may block. It understands what clients
send (https://www.postgresql.org/docs/current/protocol-message-formats.html), so that a cut is
at a request that the test names; they must not use TLS (``sslmode=disable``).
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import pytest

HEAD_BYTES = 5  # a letter and the length of what follows, itself included
SYNC, PARSE, BIND, QUERY = b"S", b"P", b"B", b"Q"
# A request goes on until one of these; the server answers then.
ENDS = {SYNC, QUERY, *(bytes([letter]) for letter in b"HXpdcf")}
READY = b"Z\0\0\0\x05I"  # the server's last word about a request: it is committed
# Of the kernel, of each socket to the server: what a client that reads no more still takes.
TAKES_BYTES = 64 * 1024
PATIENCE_SECONDS = 60


class How(StrEnum):
    """Where a request is when its connection is cut."""

    SENT = "sent"  # on its way to the server, which has not been heard
    ANSWERED = "answered"  # done, and the answer is lost
    LATE = "late"  # held back, and delivered only by `Cut.deliver`


@dataclass
class Cut:
    """One cut, at the first request that says `words`."""

    words: str
    how: How
    loop: asyncio.AbstractEventLoop
    done: threading.Event = field(default_factory=threading.Event)
    delivery: asyncio.Event = field(default_factory=asyncio.Event)

    def wait(self) -> None:
        """Return when the client's connection is cut."""
        assert self.done.wait(PATIENCE_SECONDS), f"nobody sent {self.words!r} over the wire"

    def deliver(self) -> None:
        """Let the server have the request of a cut that is LATE."""
        self.loop.call_soon_threadsafe(self.delivery.set)


class Requests:
    """Takes what a client sends apart; knows the statements it prepared."""

    def __init__(self) -> None:
        self._rest = b""
        self._begun = b""
        self._has_started = False
        self._prepared: dict[bytes, str] = {}
        self._said: list[str] = []

    def feed(self, data: bytes) -> Iterator[tuple[bytes, str]]:
        """Yield each whole request in `data` and what came before: its bytes and its SQL."""
        self._rest += data
        while (end := self._end()) and len(self._rest) >= end:
            message, self._rest = self._rest[:end], self._rest[end:]
            self._begun += message
            if self._is_over(message):
                yield self._begun, "\n".join(self._said)
                self._begun, self._said = b"", []

    def _end(self) -> int:
        at = 1 if self._has_started else 0
        if len(self._rest) < at + 4:
            return 0
        return at + int.from_bytes(self._rest[at : at + 4])

    def _is_over(self, message: bytes) -> bool:
        if not self._has_started:  # who connects, and to what
            self._has_started = True
            return True
        letter, body = message[:1], message[HEAD_BYTES:]
        if letter == PARSE:
            name, sql = body.split(b"\0", 2)[:2]
            self._prepared[name] = sql.decode()
        elif letter == BIND:
            self._said.append(self._prepared.get(body.split(b"\0", 2)[1], ""))
        elif letter == QUERY:
            self._said.append(body.rstrip(b"\0").decode())
        return letter in ENDS


class Wire:
    """Listens at `port`, and hands on to the server at `server_port`, both of 127.0.0.1."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._lines: set[_Line] = set()
        self._dialling: set[asyncio.Task[Any] | None] = set()
        self._is_ending = False
        self._made = 0
        self._news = threading.Condition()
        self._cuts: list[Cut] = []
        self._up = asyncio.Event()
        self._down = asyncio.Event()

    def cut(self, words: str, how: How) -> Cut:
        """Cut the connection of the next request whose SQL says `words`, as `how` says."""
        cut = Cut(words, how, self._loop)
        self._call(self._set(cut))
        return cut

    def wait_for_lines(self, more: int = 1) -> None:
        """Return when so many further connections have been made."""
        with self._news:
            enough = self._made + more
            came = self._news.wait_for(lambda: self._made >= enough, PATIENCE_SECONDS)
            assert came, "nobody connects anew"

    def cut_all(self) -> None:
        """Cut every connection there is, wherever it is."""
        self._call(self._abort())

    def silence(self) -> None:
        """Let nothing pass either way; connections stay, and new ones can be made."""
        self._call(self._let(up=False, down=False))

    def stop_reading(self) -> None:
        """Let requests pass, and read no more of what the server says."""
        self._call(self._let(up=True, down=False))

    def go_on(self) -> None:
        """Let everything pass, also what waited."""
        self._call(self._let(up=True, down=True))

    def start(self) -> None:
        self._thread.start()
        self._call(self._listen())

    def close(self) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(PATIENCE_SECONDS)

    async def _listen(self) -> None:
        await self._let(up=True, down=True)
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        self._server.close()
        self._is_ending = True
        await self._let(up=True, down=True)
        await self._abort()
        for dialling in self._dialling:
            if dialling is not None:
                dialling.cancel()
        # Also of those who have just come in, and are no line yet.
        while others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others)

    async def _set(self, cut: Cut) -> None:
        self._cuts.append(cut)

    async def _abort(self) -> None:
        for line in list(self._lines):
            line.abort()

    async def _let(self, *, up: bool, down: bool) -> None:
        for event, is_open in ((self._up, up), (self._down, down)):
            if is_open:
                event.set()
            else:
                event.clear()

    def take_cut(self, sql: str) -> Cut | None:
        """Return what is to be done to a request of this SQL, once."""
        for cut in self._cuts:
            if cut.words in sql:
                self._cuts.remove(cut)
                return cut
        return None

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await self._dialled()
        except (OSError, asyncio.CancelledError):  # the server is down, or the wire: so is the line
            writer.transport.abort()
            return
        line = _Line(self, (reader, writer), server)
        self._lines.add(line)
        with self._news:
            self._made += 1
            self._news.notify_all()
        try:
            await line.run(self._up, self._down)
        finally:
            line.abort()
            self._lines.discard(line)

    async def _dialled(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._is_ending:
            raise ConnectionRefusedError("the wire is taken down")
        link = socket.socket()
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, TAKES_BYTES)
        link.setblocking(False)
        me = asyncio.current_task()
        self._dialling.add(me)
        try:
            await self._loop.sock_connect(link, ("127.0.0.1", self.server_port))
            return await asyncio.open_connection(sock=link, limit=TAKES_BYTES)
        except BaseException:
            link.close()
            raise
        finally:
            self._dialling.discard(me)


class _Line:
    """One connection."""

    def __init__(self, wire: Wire, client: Any, server: Any) -> None:
        self.wire = wire
        self.client_reader, self.client = client
        self.server_reader, self.server = server
        self.swallows: Cut | None = None  # whose answer does not come through
        self._ways: list[asyncio.Future[None]] = []

    def abort(self) -> None:
        for way in self._ways:
            way.cancel()
        self.client.transport.abort()
        self.server.transport.abort()

    async def run(self, up: asyncio.Event, down: asyncio.Event) -> None:
        self._ways = [asyncio.ensure_future(way) for way in (self._go_up(up), self._go_down(down))]
        await asyncio.wait(self._ways, return_when=asyncio.FIRST_COMPLETED)
        self.abort()
        await asyncio.gather(*self._ways, return_exceptions=True)

    async def _go_up(self, is_open: asyncio.Event) -> None:
        requests = Requests()
        while data := await self.client_reader.read(TAKES_BYTES):
            await is_open.wait()
            for request, sql in requests.feed(data):
                cut = self.wire.take_cut(sql)
                if cut is not None and cut.how is not How.ANSWERED:
                    await self._part(cut, request)
                    return
                self.swallows = cut
                self.server.write(request)
                await self.server.drain()

    async def _part(self, cut: Cut, request: bytes) -> None:
        """Cut the client off; the server gets the request, now or late, and the line's end."""
        if cut.how is How.SENT:
            self.server.write(request)
            await self.server.drain()
        self.client.transport.abort()
        cut.done.set()
        if cut.how is How.LATE:
            await cut.delivery.wait()
            self.server.write(request)
        self.server.write_eof()
        await asyncio.Event().wait()  # until the server closes, which ends the way down

    async def _go_down(self, is_open: asyncio.Event) -> None:
        swallowed = b""
        while True:
            await is_open.wait()
            data = await self.server_reader.read(TAKES_BYTES)
            if not data:
                return
            await is_open.wait()
            if self.swallows is not None:
                swallowed = swallowed[-len(READY) :] + data
                if READY in swallowed:  # a notification may follow it
                    self.client.transport.abort()
                    self.swallows.done.set()
                    return
            elif not self.client.transport.is_closing():
                self.client.write(data)
                await self.client.drain()


@contextlib.contextmanager
def running(server_port: int) -> Iterator[Wire]:
    wire = Wire(server_port)
    wire.start()
    try:
        yield wire
    finally:
        wire.close()


@pytest.fixture
def make_wire() -> Iterator:
    """Lay a wire to a server: ``make_wire(server.port)``."""
    with contextlib.ExitStack() as stack:
        yield lambda port: stack.enter_context(running(port))

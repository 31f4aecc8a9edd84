"""A client's socket: who has said all may still hear, who is gone is answered nothing more.

Tornado's streams close at the end of what the client sends, and go on with what it sent before
it left. Here the end of sending is only that: the answer is still given, and the connection
ends when a further request is awaited. A connection that broke drops what it still had in its
buffer: requests that nobody waits for are not answered.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import struct
import termios
from asyncio import Future
from collections.abc import Callable
from typing import Any, Protocol

from tornado.ioloop import IOLoop
from tornado.iostream import IOStream, SSLIOStream, UnsatisfiableReadError

from drydockd.handlers import schemes

log = logging.getLogger(__name__)

# What Tornado writes, on the bare stream, for a request it cannot parse.
BARE_400 = b"HTTP/1.1 400 Bad Request\r\n\r\n"
NOT_HTTP = "The request is not valid HTTP"

# So much may come while an answer is being made; then the socket is left alone until it is given.
AHEAD_BYTES = 64 << 10
# Who takes less than this of what waits for it, within the time allowed, is as good as gone.
LEAST_BYTES = 64 << 10


class Watcher(Protocol):
    """Who is told what becomes of a connection."""

    def ready(self, stream: Stream) -> None:
        """The handshake is done."""
        ...

    def began(self, stream: Stream) -> None:
        """A request is here: its headers."""
        ...

    def waits_long(self, stream: Stream) -> None:
        """Its answer waits, and would be given when `hurry` is called."""
        ...

    def closed(self, stream: Stream) -> None:
        """The descriptor is free again; told once."""
        ...


class Stream(IOStream):
    """A plain connection.

    `malformed` makes of a sentence the whole answer to what is not HTTP. Methods of a stream are
    not exchanged on the instance: one that leads back to it is a ring, and such a connection, with
    all that hangs on it, stays until a full collection.
    """

    def __init__(
        self, *args: Any, watcher: Watcher, malformed: Callable[[str], bytes], **options: Any
    ) -> None:
        self.has_ended = False
        self._is_prompt = False
        self._malformed, self._is_new = malformed, True
        self.watcher = watcher
        self._leaving: asyncio.Future[None] | None = None
        self._taken_bytes, self._taken_at = 0, -1.0
        super().__init__(*args, **options)

    @property
    def is_shaking_hands(self) -> bool:
        """Whether the connection is not yet ready for a request."""
        return False

    def leaving(self, *, may_hurry: bool = False) -> asyncio.Future[None]:
        """Return what is done once the client is gone, has said all, or talks far ahead.

        For an answer that waits for something: it is given then, to whoever still listens.
        `may_hurry`: also when others need the connection, because it may be given any time.
        """
        self._leaving = asyncio.get_running_loop().create_future()
        if self.closed() or self.has_ended or self._is_full:
            self._leaving.set_result(None)
        elif may_hurry:
            self.watcher.waits_long(self)
        return self._leaving

    def hurry(self) -> None:
        """End the wait for `leaving`."""
        if self._leaving is not None and not self._leaving.done():
            self._leaving.set_result(None)

    def is_stalled(self, now: float, seconds: float) -> bool:
        """Whether the client took next to nothing of its answer for `seconds`. Ask now and then."""
        if self.closed() or not self._write_buffer:
            self._taken_at = -1.0
            return False
        taken = self._total_write_done_index - unsent_bytes(self.socket.fileno())
        if self._taken_at < 0 or taken - self._taken_bytes >= LEAST_BYTES:
            self._taken_bytes, self._taken_at = taken, now
        return now - self._taken_at > seconds

    # -- what Tornado calls

    def set_nodelay(self, value: bool) -> None:
        """Let what is written leave at once, from the first time on: answers are written whole.

        Tornado asks for that and takes it back with each answer, two calls of the kernel.
        """
        if value and not self._is_prompt:
            self._is_prompt = True
            super().set_nodelay(True)

    def write(self, data: bytes | memoryview) -> Future[None]:
        """Send `data`; what the socket does not take at once goes through Tornado's buffer.

        It takes nearly every answer whole.
        """
        if data == BARE_400:
            data = self._malformed(NOT_HTTP)
        if self._write_buffer or self.closed():
            return super().write(data)
        sent = self._send(data)
        self._total_write_index += sent
        self._total_write_done_index += sent
        if sent < len(data):
            return super().write(memoryview(data)[sent:])
        done: Future[None] = Future()
        done.set_result(None)
        self._maybe_add_error_listener()
        return done

    def _send(self, data: bytes | memoryview) -> int:
        """Return how many bytes the socket took; what is wrong with it the rest meets again."""
        try:
            return self.socket.send(data)
        except OSError:
            return 0

    def read_from_fd(self, buf: bytearray | memoryview) -> int | None:
        count = super().read_from_fd(buf)
        if count and self._is_new:
            self._is_new = False
            if self._speaks_another(buf):
                count = 0
        if count != 0:
            return count
        self.has_ended = True
        self.hurry()
        return None

    def close_fd(self) -> None:
        super().close_fd()
        self.watcher.closed(self)

    def close(self, exc_info: Any = False) -> None:
        if not self.closed():
            self._read_buffer = bytearray()
            self._read_buffer_size = 0
        super().close(exc_info)
        if self.error is not None:
            # It leads to the frames of whoever wrote, they to the answer, and back here: a ring
            # that only a full collection would find, of megabytes for each client that left.
            self.error.__traceback__ = None
        self.hurry()

    def _handle_events(self, fd: Any, events: int) -> None:
        """Read and write as Tornado's own, but go on listening between a head and its body.

        To stop there and begin again are two calls of the kernel, 15 of 330 us of a POST.
        """
        if self.closed():
            return
        try:
            if events & IOLoop.READ:
                self._handle_read()
            if events & IOLoop.WRITE and not self.closed():
                self._handle_write()
        except UnsatisfiableReadError as error:
            log.info("closed a connection: %s", str(error))
            self.close(exc_info=error)
        except Exception as error:
            self.close(exc_info=error)
            raise
        if self.closed() or self._state is None:
            return
        if events & IOLoop.ERROR:
            self.error = self.get_fd_error()
            self.io_loop.add_callback(self.close)
            return
        wanted = self._wanted()
        if wanted != self._state:
            self._state = wanted
            self.io_loop.update_handler(self.fileno(), wanted)

    def _wanted(self) -> int:
        """Return what to listen for: also whether the client is still there."""
        wanted = IOLoop.ERROR
        is_writing = self.writing()
        if is_writing:
            wanted |= IOLoop.WRITE
        # Not for what has no end, or no place.
        has_place = not (self._is_full or self.is_shaking_hands)
        is_awaited = self._close_callback is not None or not is_writing
        if not self.has_ended and (self.reading() or (has_place and is_awaited)):
            wanted |= IOLoop.READ
        return wanted

    def _try_inline_read(self) -> None:
        """Read from the buffer, or wait until the socket has something.

        Tornado asks the socket first, before each request: in vain, as who waits for answers has
        yet to get the one before.
        """
        position = self._find_read_pos()
        if position is not None:
            self._read_from_buffer(position)
            return
        self._check_closed()
        self._add_io_state(IOLoop.READ)

    def _handle_read(self) -> None:
        if self._read_future is None:
            # It belongs to the read before. Tornado would read up to as much for nobody, and so
            # ask once more after each request that is here before it is waited for.
            self._read_max_bytes = None
        super()._handle_read()
        if self.closed():
            return
        if self.has_ended and self._read_future is not None:
            self.close()
        elif self._is_full and self._read_future is None:
            self.hurry()

    def _add_io_state(self, state: int) -> None:
        if state & IOLoop.READ and self.has_ended:
            if self._read_future is not None:
                self.close()
                return
            state &= ~IOLoop.READ
        if state:
            super()._add_io_state(state)

    def _maybe_add_error_listener(self) -> None:
        if not self.closed() and self._close_callback is not None and not self._is_full:
            self._add_io_state(IOLoop.READ)

    @property
    def _is_full(self) -> bool:
        return self._read_buffer_size >= AHEAD_BYTES

    def _speaks_another(self, first: bytearray | memoryview) -> bool:
        """Whether the client speaks TLS to a port that does not; it is told.

        What is no TLS makes a client say so at once: it would wait for its time-out.
        """
        if not schemes.is_tls(first):
            return False
        schemes.tell(self.socket.fileno(), self._malformed(schemes.NOT_PLAIN))
        return True


class TlsStream(Stream, SSLIOStream):
    """A connection over TLS."""

    @property
    def is_shaking_hands(self) -> bool:
        return self._ssl_accepting

    def close(self, exc_info: Any = False) -> None:
        if schemes.is_plain(exc_info):
            schemes.tell(self.socket.fileno(), self._malformed(schemes.NOT_TLS))
        super().close(exc_info)

    # A handshake may come first, and what was decrypted already waits where no socket tells of it:
    # Tornado's own way knows of both.

    def _send(self, data: bytes | memoryview) -> int:
        return 0

    def _try_inline_read(self) -> None:
        SSLIOStream._try_inline_read(self)

    def _speaks_another(self, first: bytearray | memoryview) -> bool:
        return False

    def _finish_ssl_connect(self) -> None:
        super()._finish_ssl_connect()
        self.watcher.ready(self)


def unsent_bytes(descriptor: int) -> int:
    """Return how much of what was written the other side has not got. Source: tcp(7), SIOCOUTQ."""
    answer = fcntl.ioctl(descriptor, termios.TIOCOUTQ, bytes(4))
    return int(struct.unpack("i", answer)[0])

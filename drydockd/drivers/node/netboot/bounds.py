"""What strangers on a boot network may hold of the boot listener, at most.

A connection whose request proved a session is never closed for another; of the rest the oldest
goes, of the same address first. Event-loop thread only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

from drydockd.errors import Busy, TooMany

RETRY_SECONDS = 5


@dataclass(eq=False, slots=True)
class Peer:
    """The other side of a connection. `is_proven` while its request has shown a session."""

    address: str
    stream: IOStream
    is_proven: bool = False


class Peers:
    """The open connections, in order of their arrival."""

    def __init__(self, most: int, per_address: int) -> None:
        self._most = most
        self._per_address = per_address
        self._held: dict[object, Peer] = {}
        self._of_address: Counter[str] = Counter()
        self.refused = 0

    @property
    def is_full(self) -> bool:
        return len(self._held) >= self._most

    def __len__(self) -> int:
        return len(self._held)

    def admit(self, key: object, peer: Peer) -> bool:
        """Return whether `peer` may stay; another that proved nothing may be closed for it.

        A connection that is held already, which waits for its next request, stays."""
        if key in self._held:
            return True
        if self._of_address[peer.address] >= self._per_address:
            older = self._unproven(peer.address)
        elif self.is_full:
            older = self._unproven(None)
        else:
            older = key
        if older is None:
            self.refused += 1
            return False
        if older is not key:
            self.refused += 1
            stream = self._held[older].stream
            self.gone(older)
            stream.close()
        self._held[key] = peer
        self._of_address[peer.address] += 1
        return True

    def _unproven(self, address: str | None) -> object | None:
        for key, peer in self._held.items():
            if not peer.is_proven and address in (None, peer.address):
                return key
        return None

    def proven(self, key: object, is_proven: bool) -> None:
        if key in self._held:
            self._held[key].is_proven = is_proven

    def gone(self, key: object) -> None:
        """Once more is no harm."""
        peer = self._held.pop(key, None)
        if peer is not None:
            self._of_address[peer.address] -= 1
            if not self._of_address[peer.address]:
                del self._of_address[peer.address]


class Intake:
    """Bytes of bodies that are on their way, together."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.held = 0

    def take(self, size: int) -> None:
        """Raises Busy where they would be too many."""
        if self.held + size > self._most:
            raise Busy("too much is being sent here at once", retry_after=RETRY_SECONDS)
        self.held += size

    def give_back(self, size: int) -> None:
        self.held -= size


class Shares:
    """How many of something each machine has under way."""

    def __init__(self, most: int, what: str) -> None:
        self._most = most
        self._what = what
        self._held: Counter[str] = Counter()

    @contextmanager
    def one(self, machine: str) -> Iterator[None]:
        """Raises TooMany."""
        if self._held[machine] >= self._most:
            raise TooMany(f"this machine has {self._most} {self._what} under way", RETRY_SECONDS)
        self._held[machine] += 1
        try:
            yield
        finally:
            self._held[machine] -= 1
            if not self._held[machine]:
                del self._held[machine]


class BoundedServer(HTTPServer):
    """An HTTPServer whose connections are `peers`; a connection's key is its context."""

    _peers: Peers

    @classmethod
    def over(cls, application: web.Application, peers: Peers, **options: Any) -> BoundedServer:
        """Return a server with the `options` of HTTPServer."""
        # HTTPServer makes itself in a way of its own (Configurable): its __init__ is not called.
        server = cls(application, **options)
        server._peers = peers
        return server

    def start_request(self, server_conn: Any, request_conn: Any) -> Any:
        delegate = super().start_request(server_conn, request_conn)
        peer = Peer(server_conn.context.remote_ip, server_conn.stream)
        if not self._peers.admit(server_conn.context, peer):
            server_conn.stream.close()
        return delegate

    def on_close(self, server_conn: Any) -> None:
        self._peers.gone(server_conn.context)
        super().on_close(server_conn)

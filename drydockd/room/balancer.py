"""A round-robin balancer for labs, tests and benchmarks: each request to the next daemon.

It knows nothing of who asked before, nor of what is asked. A daemon that refuses a connection or
whose ``GET health`` is not 204 gets no requests until it is well again. What was sent to a daemon
that then falls silent is sent to another one only if it is a GET or HEAD: whoever sent anything
else is told 502, for it may have been done. In production use a real one; see docs/cluster.md.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import itertools
import logging
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from drydockd.room.relay import (
    Broken,
    Half,
    Head,
    Hurried,
    dial,
    read_head,
    relay_body,
)

log = logging.getLogger(__name__)

HEALTH = b"GET /api/v1.0/health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
CHECK_SECONDS = 1.0
ANSWER_SECONDS = 5.0
REPEATABLE = frozenset({b"GET", b"HEAD"})
BACKLOG = 4096
CLOSED = b"Content-Length: 0\r\nConnection: close\r\n\r\n"
UNREADABLE = b"HTTP/1.1 400 Bad Request\r\n" + CLOSED
SILENT = b"HTTP/1.1 502 Bad Gateway\r\n" + CLOSED
NOBODY = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n" + CLOSED


@dataclass(slots=True)
class Server:
    """One daemon; `sent` counts the requests it was given."""

    host: str
    port: int
    is_well: bool = True
    sent: int = 0
    halves: set[Half] = field(default_factory=set, repr=False)

    def fell_silent(self) -> None:
        """It is stopped or cut off: what waits for it shall not wait any longer."""
        for half in self.halves:
            half.abort()


@dataclass(slots=True)
class Balancer:
    """`servers` in the order of their turns; `problem` counts what clients were told instead."""

    servers: Sequence[Server]
    problems: dict[int, int] = field(default_factory=dict)
    _turns: itertools.count[int] = field(default_factory=itertools.count)

    def in_turn(self) -> list[Server]:
        """Return whom to try, in order: those that are well from the next one on, then the others.

        A check may be a second old, so the others are the last hope and not left out.
        """
        first = next(self._turns) % len(self.servers)
        order = [*self.servers[first:], *self.servers[:first]]
        return sorted(order, key=lambda server: not server.is_well)

    async def serve(self, client: Half) -> None:
        """Answer a client's requests, one after the other, until one of both hangs up."""
        try:
            while (head := await self._request(client)) is not None:
                if not await self._pass_on(head, client):
                    await client.finish()
                    break
        except (ConnectionError, EOFError, Broken):
            # The answer had begun: only a torn connection says that it is not whole.
            client.abort()

    async def _request(self, client: Half) -> Head | None:
        try:
            return await read_head(client)
        except Broken:
            await self._refuse(client, 400, UNREADABLE)
            return None

    async def _pass_on(self, head: Head, client: Half) -> bool:
        """Return whether the client's connection can be used again."""
        for server in self.in_turn():
            try:
                half = await dial(server.host, server.port)
            except OSError:
                server.is_well = False
                continue
            server.sent += 1
            server.halves.add(half)
            try:
                return await self._exchange(head, client, half)
            except Hurried:
                if head.method not in REPEATABLE or head.has_body:
                    return await self._refuse(client, 502, SILENT)
            finally:
                server.halves.discard(half)
                half.close()
        return await self._refuse(client, 503, NOBODY)

    async def _refuse(self, client: Half, status: int, answer: bytes) -> bool:
        self.problems[status] = self.problems.get(status, 0) + 1
        await client.write(answer)
        return False

    async def _exchange(self, head: Head, client: Half, server: Half) -> bool:
        """Send the request and its body there, and what is answered back.

        Raises Hurried if not even the head of an answer came.
        """
        sending = asyncio.ensure_future(self._send(head, client, server))
        try:
            return await self._answer(head, client, server, sending)
        finally:
            sending.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError, EOFError, Broken):
                await sending

    async def _send(self, head: Head, client: Half, server: Half) -> None:
        await server.write(head.forwarded_for(client.address))
        try:
            await relay_body(head.framing, client, server)
        except Broken:
            server.abort()
            raise

    async def _answer(
        self, head: Head, client: Half, server: Half, sending: asyncio.Future[None]
    ) -> bool:
        while True:
            answer = await self._first_word(client, server)
            await client.write(answer.raw)
            if not answer.is_interim:
                break
        framing = answer.framing_for(head.method)
        await client.unless_gone(relay_body(framing, server, client))
        # One that answers before it has read everything leaves the rest in the way.
        is_whole = sending.done() and not sending.cancelled() and sending.exception() is None
        return is_whole and not (head.is_last or answer.is_last)

    async def _first_word(self, client: Half, server: Half) -> Head:
        try:
            answer = await client.unless_gone(read_head(server))
        except (ConnectionError, EOFError) as error:
            if client.is_gone:
                raise
            raise Hurried from error
        if answer is None:
            raise Hurried
        return answer

    async def check(self) -> None:
        """Ask each daemon for its health, now and once a second, until cancelled."""
        while True:
            await asyncio.gather(*(self._look_at(server) for server in self.servers))
            await asyncio.sleep(CHECK_SECONDS)

    async def _look_at(self, server: Server) -> None:
        is_well = False
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                is_well = await self._says_it_is_well(server)
        except TimeoutError:
            server.fell_silent()
        except (OSError, EOFError, Broken):
            pass  # it is not there, and its connections ended with it
        if is_well != server.is_well:
            log.info("%s:%d is %s", server.host, server.port, "well" if is_well else "away")
        server.is_well = is_well

    async def _says_it_is_well(self, server: Server) -> bool:
        half = await dial(server.host, server.port)
        try:
            await half.write(HEALTH)
            answer = await read_head(half)
            return answer is not None and answer.status == 204
        finally:
            half.close()


@asynccontextmanager
async def balancing(
    listener: socket.socket, addresses: Sequence[tuple[str, int]]
) -> AsyncIterator[Balancer]:
    """Balance what comes to `listener`, which is closed at the end, between `addresses`."""
    balancer = Balancer([Server(host, port) for host, port in addresses])
    talks: set[asyncio.Task[None]] = set()

    def accepted(client: Half) -> None:
        talk = asyncio.ensure_future(balancer.serve(client))
        talks.add(talk)
        talk.add_done_callback(talks.discard)
        # Also of a talk that was cancelled before it began.
        talk.add_done_callback(lambda _: client.close())

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Half(accepted), sock=listener, backlog=BACKLOG)
    checks = asyncio.ensure_future(balancer.check())
    try:
        yield balancer
    finally:
        server.close()
        for task in (checks, *talks):
            task.cancel()
        await asyncio.gather(checks, *talks, return_exceptions=True)


async def _serve(addresses: Sequence[tuple[str, int]], ready: Callable[[int], None]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = socket.create_server(("127.0.0.1", 0))
    async with balancing(listener, addresses):
        ready(listener.getsockname()[1])
        await stop.wait()


def main(arguments: list[str] | None = None) -> int:
    """``python -m drydockd.room.balancer PORT ...``: those of loopback; prints its own address."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ports", nargs="+", type=int, help="of daemons on 127.0.0.1")
    options = parser.parse_args(arguments)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    addresses = [("127.0.0.1", port) for port in options.ports]
    asyncio.run(_serve(addresses, _announce))
    return 0


def _announce(port: int) -> None:
    # Flushed: whoever started us with a pipe waits for this line.
    print(f"http://127.0.0.1:{port}", flush=True)  # noqa: T201


if __name__ == "__main__":
    raise SystemExit(main())

"""Attacks by connections: many, idle, pipelined and left, half closed, half made, never read."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import cast

Place = tuple[str, int]


def get(path: str, headers: dict[str, str] | None = None, *, last: bool = False) -> bytes:
    """Return the bytes of a GET; `last`: the connection is to end behind it."""
    given = {"Host": "localhost", **(headers or {}), **({"Connection": "close"} if last else {})}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in given.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


async def connected(
    place: Place, *, small: bool = False, source: str | None = None
) -> socket.socket:
    """Return a connection, from `source`; `small`: it takes little ahead of who reads it."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    made.setblocking(False)
    if source:
        made.bind((source, 0))
    if small:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    try:
        await asyncio.get_running_loop().sock_connect(made, place)
    except BaseException:
        made.close()
        raise
    return made


@asynccontextmanager
async def crowd(
    place: Place, count: int, data: bytes = b"", *, source: str | None = None
) -> AsyncIterator[list[socket.socket]]:
    """Hold `count` connections that have sent `data` and then do nothing."""
    held: list[socket.socket] = []
    loop = asyncio.get_running_loop()
    try:
        for _ in range(count):
            held.append(await connected(place, source=source))
            if data:
                with contextlib.suppress(ConnectionError):
                    await loop.sock_sendall(held[-1], data)
        yield held
    finally:
        for one in held:
            one.close()


async def pipelined_and_gone(place: Place, requests: bytes, *, source: str | None = None) -> None:
    """Send all requests at once, as far as they are taken, and leave."""
    one = await connected(place, source=source)
    with one, contextlib.suppress(TimeoutError, ConnectionError):
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().sock_sendall(one, requests)


async def half_closed(place: Place, data: bytes) -> bytes:
    """Send `data`, say that no more comes, and return everything that is answered."""
    loop, answer = asyncio.get_running_loop(), b""
    with await connected(place) as one:
        await loop.sock_sendall(one, data)
        one.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(20):
            while part := await loop.sock_recv(one, 65536):
                answer += part
    return answer


async def answered(place: Place, data: bytes, *, source: str | None = None) -> bytes:
    """Send `data` and return what is answered until the other side closes."""
    loop, answer = asyncio.get_running_loop(), b""
    with await connected(place, source=source) as one:
        await loop.sock_sendall(one, data)
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                while part := await loop.sock_recv(one, 65536):
                    answer += part
    return answer


async def is_closed(one: socket.socket) -> bool:
    """Return True when the other side closed, whatever it sent before."""
    with contextlib.suppress(ConnectionError):
        while await asyncio.get_running_loop().sock_recv(one, 65536):
            pass
    return True


def reset(one: socket.socket) -> None:
    """Leave without a word: the other side gets a reset."""
    one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


async def tls_answered(place: Place, context: ssl.SSLContext, data: bytes) -> bytes:
    """The same over TLS, as an honest client does it."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection(*place, ssl=context)
        try:
            writer.write(data)
            await writer.drain()
            return await reader.read()
        finally:
            writer.close()


async def tls_half_closed(place: Place, context: ssl.SSLContext, data: bytes) -> bytes:
    """`half_closed` over TLS: the end is said by TLS, the socket stays open."""
    loop, incoming, outgoing = asyncio.get_running_loop(), ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=place[0])
    answer = b""
    with await connected(place) as one:

        async def done(step: Callable[[], object]) -> object:
            while True:
                try:
                    return step()
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(one, outgoing.read())
                    if not (heard := await loop.sock_recv(one, 65536)):
                        return b""
                    incoming.write(heard)

        async with asyncio.timeout(20):
            await done(tls.do_handshake)
            tls.write(data)
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.unwrap()
            with contextlib.suppress(ssl.SSLZeroReturnError):
                while part := await done(tls.read):
                    answer += cast(bytes, part)
    return answer


async def renegotiated(place: Place) -> bytes:
    """Ask for a second handshake on one connection of TLS 1.2; return what ``openssl`` says."""
    host, port = place
    client = await asyncio.create_subprocess_exec(
        *("openssl", "s_client", "-tls1_2", "-connect", f"{host}:{port}"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(20):
            # A line that is only an R is the client's command for it.
            said, _ = await client.communicate(b"R\n")
    finally:
        if client.returncode is None:
            client.kill()
            await client.wait()
    return said

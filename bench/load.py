"""A load generator small enough not to be what is measured: raw HTTP/1.1 over keep-alive."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass
class Reply:
    status: int
    headers: bytes
    body: bytes


class Connection:
    """One keep-alive connection; a request is bytes, a reply is status, headers and body."""

    def __init__(self, host: str, port: int, local: str | None = None) -> None:
        self.host, self.port, self.local = host, port, local
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def send(self, request: bytes) -> Reply:
        if self._reader is None or self._writer is None:
            self._reader, self._writer = await asyncio.open_connection(
                self.host,
                self.port,
                limit=2**20,
                local_addr=(self.local, 0) if self.local else None,
            )
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        status = int(head[9:12])
        lowered = head.lower()
        if b"transfer-encoding: chunked" in lowered:
            body = await self._chunks()
        else:
            at = lowered.find(b"content-length:")
            length = int(lowered[at + 15 : lowered.index(b"\r\n", at)]) if at >= 0 else 0
            body = await self._reader.readexactly(length) if length else b""
        if b"connection: close" in lowered:
            await self.close()
        return Reply(status, head, body)

    async def _chunks(self) -> bytes:
        assert self._reader is not None
        parts: list[bytes] = []
        while True:
            size = int((await self._reader.readline()).split(b";")[0], 16)
            part = await self._reader.readexactly(size + 2)
            if size == 0:
                return b"".join(parts)
            parts.append(part[:-2])

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()
        self._reader = self._writer = None


def request(
    method: str, path: str, *, headers: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    """Return the bytes of one request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@dataclass
class Figures:
    """What one run of load measured. Seconds."""

    seconds: float
    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, share: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def pour(
    port: int,
    requests: Callable[[int], bytes] | Sequence[bytes],
    *,
    count: int,
    connections: int = 16,
    host: str = "127.0.0.1",
) -> Figures:
    """Send `count` requests over `connections` at once and return the figures.

    `requests` is a list that is gone through in turn, or a function of the running number.
    """
    make = requests if callable(requests) else lambda n: requests[n % len(requests)]
    numbers = iter(range(count))
    figures = Figures(0.0)

    async def worker() -> None:
        connection = Connection(host, port)
        for number in numbers:
            message = make(number)
            start = time.perf_counter()
            reply = await connection.send(message)
            figures.latencies.append(time.perf_counter() - start)
            figures.statuses[reply.status] = figures.statuses.get(reply.status, 0) + 1
        await connection.close()

    start = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(connections)))
    figures.seconds = time.perf_counter() - start
    return figures

"""A UDP proxy that loses packets: which ones, a seed says."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator


class _Back(asyncio.DatagramProtocol):
    """What the server answers to one client."""

    def __init__(self, proxy: "Lossy", client: tuple[str, int]) -> None:
        self.proxy = proxy
        self.client = client

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        self.proxy.forward(lambda: self.proxy.transport.sendto(data, self.client))

    def error_received(self, error: OSError) -> None:
        """A closed port is as good as a lost packet."""


class Lossy(asyncio.DatagramProtocol):
    """Hands packets on to `server` and back, but for `loss` of them."""

    def __init__(self, server: tuple[str, int], loss: float, seed: int) -> None:
        self.server = server
        self.loss = loss
        self.chance = random.Random(seed)
        self.backs: dict[tuple[str, int], asyncio.DatagramTransport] = {}
        self.lost = self.passed = 0

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self.transport = transport
        self.port = transport.get_extra_info("sockname")[1]

    def datagram_received(self, data: bytes, client: tuple[str, int]) -> None:
        self.forward(lambda: self._to_server(data, client))

    def forward(self, send) -> None:
        if self.chance.random() < self.loss:
            self.lost += 1
            return
        self.passed += 1
        send()

    def _to_server(self, data: bytes, client: tuple[str, int]) -> None:
        if client in self.backs:
            self.backs[client].sendto(data)
            return
        loop = asyncio.get_running_loop()
        opening = loop.create_task(
            loop.create_datagram_endpoint(lambda: _Back(self, client), remote_addr=self.server)
        )
        opening.add_done_callback(lambda done: self._opened(done.result()[0], data, client))

    def _opened(self, back, data: bytes, client: tuple[str, int]) -> None:
        self.backs[client] = back
        back.sendto(data)

    def close(self) -> None:
        for back in self.backs.values():
            back.close()
        self.transport.close()


@contextlib.asynccontextmanager
async def lossy(
    port: int, *, loss: float, seed: int = 1, address: str = "127.0.0.1"
) -> AsyncIterator[Lossy]:
    """A line to the server at `port` of `address`, which is where it begins too."""
    loop = asyncio.get_running_loop()
    _, proxy = await loop.create_datagram_endpoint(
        lambda: Lossy((address, port), loss, seed), local_addr=(address, 0)
    )
    try:
        yield proxy
    finally:
        proxy.close()

"""Whose API key it is: machines that are allocated belong to that user."""

from __future__ import annotations

import asyncio

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverPersistent


class Account:
    """The user of the key, asked once: a key stays its user's."""

    def __init__(self, client: MaasClient) -> None:
        self._client = client
        self._name = ""
        self._lock = asyncio.Lock()

    async def name(self) -> str:
        async with self._lock:
            if not self._name:
                self._name = str((await self.ask()).get("username") or "")
                if not self._name:
                    raise DriverPersistent("MAAS: GET users/ whoami: tells no user name")
            return self._name

    async def ask(self) -> dict[str, object]:
        answer = await self._client.get(at("users"), "whoami")
        return answer if isinstance(answer, dict) else {}

"""The site's networks as MAAS lists them, read once for all nodes that ask at about one time."""

from __future__ import annotations

import asyncio

from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.wiring import Wiring


class Survey:
    """Keeps a reading for `seconds`. Whoever is told something wrong by it asks for a fresh one."""

    def __init__(self, client: MaasClient, *, seconds: float = 0.0) -> None:
        self._client = client
        self._seconds = seconds
        self._lock = asyncio.Lock()
        self._wiring: Wiring | None = None
        self._until = 0.0

    async def wiring(self) -> Wiring:
        """Raises what MaasClient raises; a failure is not kept."""
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._wiring is None or now >= self._until:
                subnets = await self._client.get(at("subnets"))
                fabrics = await self._client.get(at("fabrics"))
                self._wiring = Wiring(fabrics, subnets)
                self._until = asyncio.get_running_loop().time() + self._seconds
            return self._wiring

    def forget(self, wiring: Wiring) -> bool:
        """Read anew next time, unless that was done since; return whether `wiring` was kept."""
        was_kept = self._seconds > 0
        if self._wiring is wiring:
            self._wiring = None
        return was_kept

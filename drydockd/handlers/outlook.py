"""What GET metrics tells of others: is the provisioner up, is Keystone, nodes, the disk."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from drydockd.drivers.base import NodeProvisioner
from drydockd.errors import DrydockError
from drydockd.handlers.healthcheck import HealthChecks

log = logging.getLogger(__name__)

# A scrape waits so long for what others say; what they say later is in the next one.
PATIENCE_SECONDS = 1.0
# The nodes of a provisioner are asked for that often at most: a list of thousands is work.
NODES_SECONDS = 60.0


class Outlook:
    """One per daemon. `up`, `nodes` and `free` are as of the last time somebody looked.

    `state_dir` is the folder whose file system is looked at.
    """

    def __init__(
        self,
        health: HealthChecks,
        node_driver: NodeProvisioner | None,
        state_dir: Path,
        *,
        timeout_seconds: float,
    ) -> None:
        self._health = health
        self._state_dir = state_dir
        self._free: float | None = None
        self._node_driver = node_driver
        self._timeout = timeout_seconds
        self._up: Mapping[str, bool] = {}
        self._nodes: Mapping[str, int] | None = None
        self._nodes_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def look(self) -> None:
        """Ask anew; return when all have answered, or after PATIENCE_SECONDS."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look(), name="metrics: look at others")
        await asyncio.wait({self._looking}, timeout=PATIENCE_SECONDS)

    def up(self, name: str) -> Iterator[tuple[str, float]]:
        """Whether ``provisioner`` or ``keystone`` answered; nothing where there is none."""
        if name in self._up:
            yield "", float(self._up[name])

    def nodes(self) -> Iterator[tuple[str, float]]:
        """How many nodes are in which state; nothing while the provisioner does not tell."""
        yield from sorted((self._nodes or {}).items())

    def free(self) -> Iterator[tuple[str, float]]:
        """How many bytes the daemon may still write; nothing while that cannot be told."""
        if self._free is not None:
            yield "", self._free

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def _look(self) -> None:
        parts, _ = await self._health.dependencies()
        self._up = {part.name: part.state == "up" for part in parts if part.state != "none"}
        now = asyncio.get_running_loop().time()
        if self._node_driver is not None and now >= self._nodes_until:
            self._nodes = await self._states(self._node_driver)
            self._nodes_until = now + NODES_SECONDS if self._nodes is not None else 0.0
        # In a thread: a disk of the network may be away.
        self._free = await asyncio.to_thread(self._measure)

    def _measure(self) -> float | None:
        try:
            return float(shutil.disk_usage(self._state_dir).free)
        except OSError as error:
            log.warning("metrics: %s: %s", self._state_dir, error.strerror)
            return None

    async def _states(self, driver: NodeProvisioner) -> Mapping[str, int] | None:
        try:
            async with asyncio.timeout(self._timeout):
                return Counter(row.status_name for row in await driver.list_nodes())
        except (TimeoutError, DrydockError) as error:
            log.warning("metrics: no nodes of the provisioner: %s", error or "no answer in time")
        except Exception:
            log.exception("metrics: no nodes of the provisioner")
        return None

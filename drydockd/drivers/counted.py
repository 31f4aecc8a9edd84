"""Counts what BMCs are asked and how that fails, whatever the driver."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable
from typing import TypeVar

from drydockd.drivers.base import OobDriver, SessionEnder, Voice
from drydockd.errors import (
    DriverConflict,
    DriverError,
    DriverLimit,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
)
from drydockd.machines import BmcFacts, PowerState
from drydockd.site import Node

T = TypeVar("T")

KINDS: dict[type[DriverError], str] = {
    DriverTransient: "no_answer",
    DriverPersistent: "refused",
    DriverConflict: "wrong_state",
    DriverUnsupported: "unsupported",
    DriverLimit: "too_slow",
}
UNEXPECTED = "unexpected"


class CountedOob:
    """An OobDriver as it is; `calls` and, by kind, `errors` are of its operations on nodes."""

    def __init__(self, driver: OobDriver, name: str) -> None:
        self.name = name
        self.calls = 0
        self.errors: Counter[str] = Counter(dict.fromkeys((*KINDS.values(), UNEXPECTED), 0))
        self._driver = driver
        self.oob_types = driver.oob_types
        self.ask_seconds = driver.ask_seconds
        self.worst_case_seconds = driver.worst_case_seconds

    async def check(self) -> None:
        await self._driver.check()

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._counted(self._driver.set_network_boot(node, voice))

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._counted(self._driver.set_disk_boot(node, voice))

    async def facts(self, node: Node) -> BmcFacts:
        return await self._counted(self._driver.facts(node))

    async def power_state(self, node: Node) -> PowerState:
        return await self._counted(self._driver.power_state(node))

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._counted(self._driver.power_off(node, voice))

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._counted(self._driver.power_on(node, voice))

    async def end_session(self, node: Node, session: str, voice: Voice) -> None:
        """As SessionEnder; nothing where the driver has no sessions."""
        if isinstance(self._driver, SessionEnder):
            await self._counted(self._driver.end_session(node, session, voice))

    async def close(self) -> None:
        await self._driver.close()

    async def _counted(self, operation: Awaitable[T]) -> T:
        self.calls += 1
        try:
            return await operation
        except Exception as error:
            found = (kind for known, kind in KINDS.items() if isinstance(error, known))
            self.errors[next(found, UNEXPECTED)] += 1
            raise

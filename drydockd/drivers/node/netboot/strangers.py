"""Machines of the boot networks that nobody knows yet: whether one is awaited, how many are kept.

Source: contract, netboot, section 10, row 8.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import Forbidden, TooMany
from drydockd.machines import NodeState

log = logging.getLogger(__name__)

# So long after `find` missed a node its machine is awaited; tasks look more often than this.
AWAITED_SECONDS = 120.0
# Machines that nobody adopted; the oldest goes. Inventories of them per minute.
MOST_UNADOPTED = 256
STRANGERS_A_MINUTE = 10


@dataclass(slots=True)
class Strangers:
    """`clock` tells seconds since the epoch. Event-loop thread only."""

    machines: Machines
    clock: Callable[[], float]
    _awaited: dict[str, float] = field(default_factory=dict)
    _inventories: deque[float] = field(default_factory=deque)

    def await_mac(self, mac: str | None) -> None:
        """A task waits for a node that is not known: by its boot MAC, or any machine (None)."""
        self._awaited[mac or ""] = self.clock() + AWAITED_SECONDS

    def is_awaited(self, mac: str, *, is_anyone_welcome: bool) -> bool:
        """Whether a task waits for this machine, or for any where anyone is welcome meanwhile."""
        now = self.clock()
        self._awaited = {key: end for key, end in self._awaited.items() if end > now}
        return mac in self._awaited or (is_anyone_welcome and bool(self._awaited))

    def check(self) -> None:
        """Raises Forbidden, TooMany where no inventory of any unknown machine would be taken."""
        now = self.clock()
        if not any(end > now for end in self._awaited.values()):
            raise Forbidden("no task waits for an unknown machine")
        self._check_rate()

    def count(self) -> None:
        """An inventory is taken. Raises TooMany."""
        self._check_rate()
        self._inventories.append(self.clock())

    def _check_rate(self) -> None:
        now = self.clock()
        while self._inventories and self._inventories[0] < now - 60:
            self._inventories.popleft()
        if len(self._inventories) >= STRANGERS_A_MINUTE:
            raise TooMany(
                f"{STRANGERS_A_MINUTE} inventories of unknown machines a minute are taken"
            )

    async def make_room(self) -> None:
        """Forget the unadopted machine that was not heard of for longest, if there are too many."""
        unadopted = [m for m in self.machines if m.name is None and m.state is NodeState.NEW]
        if len(unadopted) >= MOST_UNADOPTED:
            oldest = min(unadopted, key=lambda machine: machine.seen)
            log.warning("netboot: %d unadopted machines, %s goes", len(unadopted), oldest.mac)
            await self.machines.forget(oldest.mac)

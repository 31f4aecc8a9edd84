"""What the handlers work with: the parts of the daemon, composed by `app`."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from drydockd.handlers.slices import Slices
from drydockd.model import Timestamp, timestamp

if TYPE_CHECKING:
    from drydockd.auth.audit import Audit
    from drydockd.auth.passwords import Passwords
    from drydockd.auth.policy import Policy
    from drydockd.auth.strategy import Authenticator
    from drydockd.auth.throttle import Throttle
    from drydockd.cluster.cluster import Cluster
    from drydockd.config import Settings
    from drydockd.design import Designs
    from drydockd.drivers.base import NodeProvisioner
    from drydockd.handlers.barrier import Barrier
    from drydockd.handlers.bootrender import BootRenderer
    from drydockd.handlers.connections import Connections
    from drydockd.handlers.healthcheck import HealthChecks
    from drydockd.handlers.measure import Measures
    from drydockd.handlers.outlook import Outlook
    from drydockd.handlers.places import Places
    from drydockd.handlers.proxies import Proxies
    from drydockd.handlers.taskview import TaskViews
    from drydockd.store.base import Store
    from drydockd.tasks import Tasks
    from drydockd.webhooks import Couriers


@dataclass(slots=True)
class Services:
    """One per daemon; the handlers of every listening address share it."""

    settings: Settings
    store: Store
    designs: Designs
    tasks: Tasks
    auth: Authenticator
    policy: Policy
    throttle: Throttle
    audit: Audit
    node_driver: NodeProvisioner | None
    bootdata: BootRenderer
    health: HealthChecks
    measures: Measures
    outlook: Outlook
    proxies: Proxies
    views: TaskViews
    connections: Connections
    polls: Places
    streams: Places
    couriers: Couriers
    passwords: Passwords | None = None
    # None: nobody else writes to the store.
    barrier: Barrier | None = None
    cluster: Cluster | None = None
    slices: Slices = field(default_factory=Slices)
    started: Timestamp = field(default_factory=timestamp)
    started_clock: float = field(default_factory=time.monotonic)
    # Requests being answered, and whether all of them should come to an end.
    in_flight: int = 0
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_runner(self) -> bool:
        """Whether this daemon is the one that works: alone it always is."""
        return self.cluster is None or self.cluster.lease.is_runner

    def began(self) -> None:
        self.in_flight += 1

    def ended(self) -> None:
        self.in_flight -= 1
        if self.in_flight == 0 and self.closing.is_set():
            self.idle.set()

    async def drained(self) -> None:
        """Ask long answers to end, and wait until every request is answered."""
        self.closing.set()
        if self.in_flight:
            await self.idle.wait()

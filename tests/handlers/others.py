"""Other daemons of the store, played: what they acknowledged is seen here when it is waited for.

The store is that of a daemon alone; in place of the feed stands what the test says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from drydockd.errors import StoreStale
from drydockd.handlers.barrier import Barrier
from drydockd.handlers.company import Company
from drydockd.handlers.healthcheck import HealthChecks
from drydockd.store import Epoch, Member
from tests.handlers.helpers import Daemon


@dataclass
class Others:
    """`unseen`: changes others acknowledged, seen by the next who asks for what is fresh, but for
    the first `late` of them.

    `cut`: the database is not heard of, for `silent` seconds by now. `asked` are the seconds that
    each was ready to wait.
    """

    drydock: Daemon
    unseen: list[object] = field(default_factory=list)
    cut: bool = False
    silent: float = 0.0
    late: int = 0
    asked: list[float] = field(default_factory=list)

    async def fresh(self, seconds: float) -> None:
        self.asked.append(seconds)
        if self.cut:
            raise StoreStale("the database does not answer")
        if self.late:
            self.late -= 1
            return
        unseen, self.unseen = self.unseen, []
        if unseen:
            await self.drydock.app.services.store.write(*unseen)

    def silent_seconds(self) -> float:
        return self.silent


@dataclass
class Clock:
    """As cluster.clock.ClockOffset tells it."""

    problem: str | None = None
    is_good: bool = True


@dataclass
class Lease:
    """As cluster.lease.Lease: `runner` works, and this is b."""

    runner: str | None = "a"
    live: int = 3
    ttl: float = 6.0
    offset: Clock = field(default_factory=Clock)
    offset_seconds: float = 0.0

    @property
    def is_runner(self) -> bool:
        return self.runner == "b"

    @property
    def epoch(self) -> Epoch | None:
        return Epoch(7) if self.is_runner else None


@dataclass
class SomeCluster:
    name: str = "b"
    lease: Lease = field(default_factory=Lease)
    different: Sequence[str] = ()

    def differences(self) -> Sequence[str]:
        return self.different


def member(name: str, silent: float = 0.0, **more: object) -> Member:
    settings: Mapping[str, str] = {}
    values = {"address": "", "version": "", "applied": 0, "is_runner": False} | more
    return Member(name=name, silent_seconds=silent, settings=settings, **values)


def shared(drydock: Daemon, stale_seconds: float = 60) -> Others:
    """Let the daemon share its store with others from now on."""
    services, others = drydock.app.services, Others(drydock)
    services.store.backend.fresh = others.fresh
    services.store.backend.silent_seconds = others.silent_seconds
    services.barrier = Barrier(services.store, stale_seconds)
    return others


def in_company(drydock: Daemon) -> tuple[Others, SomeCluster]:
    """The same, with a lease that another one has."""
    others, cluster = shared(drydock), SomeCluster()
    services = drydock.app.services
    services.cluster = cluster
    services.health = HealthChecks(
        services.store,
        services.node_driver,
        timeout_seconds=5,
        cache_seconds=0,
        company=Company(services.store, services.barrier, cluster),
    )
    return others, cluster

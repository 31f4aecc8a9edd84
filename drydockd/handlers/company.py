"""What a daemon that shares its store tells of that: is it ready, what is wrong, who else is there.

Source: contract, scale, sections 5 and 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from drydockd.cluster.cluster import Cluster
from drydockd.errors import StoreUnavailable
from drydockd.handlers.barrier import Barrier
from drydockd.store.base import Member, Store

# The database is asked twice a second, so that is no pause any more.
QUIET_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """`is_error`: it keeps somebody from working."""

    text: str
    is_error: bool = False


class Company:
    """One per daemon that shares its store."""

    def __init__(self, store: Store, barrier: Barrier, cluster: Cluster) -> None:
        self.barrier = barrier
        self._store = store
        self._cluster = cluster

    def live(self) -> int:
        """How many daemons share what comes, this one included."""
        return self._cluster.lease.live

    def is_runner(self) -> bool:
        return self._cluster.lease.is_runner

    def is_ready(self) -> bool:
        """Whether a balancer may send requests here.

        A database that is away for a while is none of it: what is known is served, and with one
        failover all would be out at once.
        """
        return not self.barrier.is_stale and not self._is_clock_off()

    def silence(self) -> str | None:
        """What there is to say of the feed of what others write; None: it is heard."""
        silent = self._store.silent_seconds()
        if silent <= QUIET_SECONDS:
            return None
        return (
            f"nothing was heard of the database for {silent:.0f} s; from"
            f" {self.barrier.stale_seconds:g} s on (store.stale_seconds) nothing is answered"
        )

    def troubles(self) -> list[Trouble]:
        """What is wrong besides the store itself, as it is now."""
        lease = self._cluster.lease
        found = []
        if (problem := lease.offset.problem) is not None:
            found.append(Trouble(problem, is_error=self._is_clock_off()))
        if lease.runner is None:
            found.append(Trouble("no daemon runs the tasks: they wait until one can"))
        return found + [Trouble(text) for text in self._cluster.differences()]

    async def members(self, seconds: float) -> str:
        """Say who they are and who of them works; asks the database, for so long at most."""
        try:
            async with asyncio.timeout(seconds):
                members = await self._store.members()
        except (TimeoutError, StoreUnavailable) as error:
            return (
                f"cluster: this is {self._cluster.name}, {self._cluster.lease.live} daemons were"
                f" alive; who they are cannot be asked: {str(error) or 'no answer in time'}"
            )
        return self._shown(members)

    def _shown(self, members: Sequence[Member]) -> str:
        lease = self._cluster.lease
        gone = [member for member in members if member.silent_seconds > 3 * lease.ttl]
        here = [member.name for member in members if member not in gone]
        text = (
            f"cluster: this is {self._cluster.name}; {len(here)} alive ({', '.join(here)}),"
            f" {lease.runner or 'none'} runs the tasks"
        )
        for member in gone:
            text += f"; {member.name} gave no sign for {member.silent_seconds:.0f} s"
        return text

    def _is_clock_off(self) -> bool:
        offset = self._cluster.lease.offset
        return offset.problem is not None and not offset.is_good


def company_of(store: Store, cluster: Cluster | None, stale_seconds: float) -> Company | None:
    """Return the company of a daemon; None: it has its store for itself."""
    if cluster is None:
        return None
    return Company(store, Barrier(store, stale_seconds), cluster)

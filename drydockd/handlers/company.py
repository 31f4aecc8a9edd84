"""What a daemon that shares its store tells of that: is it ready, what is wrong, who else is there.

Source: contract, scale, sections 5 and 7.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from drydockd.errors import StoreUnavailable
from drydockd.handlers.barrier import Barrier
from drydockd.store.base import Epoch, Member, Store

# The database is asked twice a second, so that is no pause any more.
QUIET_SECONDS = 5.0


class Offset(Protocol):
    """How far this clock is from the database's."""

    @property
    def problem(self) -> str | None:
        """What is to be said of it; None: nothing."""
        ...

    @property
    def is_good(self) -> bool:
        """Whether it was measured, and is small enough to serve."""
        ...


class Lease(Protocol):
    """Who works, as of the last beat of this daemon; see cluster.lease.Lease."""

    @property
    def is_runner(self) -> bool: ...

    @property
    def epoch(self) -> Epoch | None:
        """Ours, while this daemon is the runner."""
        ...

    @property
    def runner(self) -> str | None:
        """The name of whoever is."""
        ...

    @property
    def live(self) -> int:
        """How many daemons gave a sign of life lately, this one included."""
        ...

    @property
    def ttl(self) -> float:
        """Seconds after which the silent are passed over."""
        ...

    @property
    def offset(self) -> Offset: ...

    @property
    def offset_seconds(self) -> float: ...


class Cluster(Protocol):
    """The daemons that share a store, as one of them sees them."""

    @property
    def name(self) -> str:
        """This one's."""
        ...

    @property
    def lease(self) -> Lease: ...

    def differences(self) -> Sequence[str]:
        """What is set otherwise elsewhere and has to be the same: a line for each."""
        ...


@dataclass(frozen=True, slots=True)
class Trouble:
    """`is_error`: it keeps somebody from working."""

    text: str
    is_error: bool = False


class Company:
    """One per daemon that shares its store."""

    def __init__(self, store: Store, barrier: Barrier, cluster: Cluster) -> None:
        self._store = store
        self._barrier = barrier
        self._cluster = cluster

    def is_ready(self) -> bool:
        """Whether a balancer may send requests here.

        A database that is away for a while is none of it: what is known is served, and with one
        failover all would be out at once.
        """
        return not self._barrier.is_stale and not self._is_clock_off()

    def silence(self) -> str | None:
        """What there is to say of the feed of what others write; None: it is heard."""
        silent = self._store.silent_seconds()
        if silent <= QUIET_SECONDS:
            return None
        return (
            f"nothing was heard of the database for {silent:.0f} s; from"
            f" {self._barrier.stale_seconds:g} s on (store.stale_seconds) nothing is answered"
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

"""The seam to the lease: who of the daemons that share a store may act, by the store's clock.

One row, one holder. Each time it changes hands its epoch grows, and a write guarded by an older
one is refused. Source: contract, scale, section 6.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from drydockd.acting import Permit
from drydockd.store.base import Epoch


@dataclass(frozen=True, slots=True)
class Report:
    """What a daemon tells the others of itself; see base.Member."""

    applied: int = 0
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Beat:
    """What one beat came back with.

    `epoch` is set while the caller holds the lease, `runner` is the name of whoever does.
    `offset_seconds`: the store's clock minus ours. `live`: daemons that beat within 3 ttl.
    """

    epoch: Epoch | None
    runner: str | None
    offset_seconds: float
    live: int


class Keeper(Protocol):
    """Speaks for one daemon. Safe to call again after any error."""

    def when_freed(self, freed: Callable[[], None]) -> None:
        """Call `freed`, on the loop, each time somebody gives the lease away."""
        ...

    async def beat(self, report: Report, ttl: float, *, wants: bool) -> Beat:
        """Say that this daemon lives; hold the lease for `ttl` seconds more if it is its own.

        If it `wants` and nobody's holds, it gets it, with a new epoch. Raises StoreUnavailable:
        nobody knows what became of it.
        """
        ...

    async def take_over(self) -> str | None:
        """End what the runner before has open at the store; its name, None if there was none.

        Its guarded writes were refused since the lease was ours. Raises StoreUnavailable.
        """
        ...

    async def leave(self) -> None:
        """Give the lease away if it is ours, and tell the others. Raises StoreUnavailable."""
        ...

    async def close(self) -> None:
        """Let go of the connection; safe twice."""
        ...


class Authority(Permit, Protocol):
    """Whether this daemon runs the tasks: what their writes are guarded by, and drivers ask.

    One per daemon. Where several share a store, their lease is it; see cluster.lease.
    """

    @property
    def member(self) -> str | None:
        """This daemon's name among several; None: it is alone."""
        ...

    def guard(self) -> Epoch | None:
        """The epoch that writes of running tasks hold for; None: they hold for ever.

        Raises NotRunner: none may be made.
        """
        ...

    def over(self, why: str) -> None:
        """Told that the store refused a write of that epoch: the process has to end."""
        ...


class _Alone:
    """Nobody else writes to the store: everything is allowed, at no cost."""

    member = None
    reach_seconds = None

    async def may_act(self) -> None:
        """At once."""

    def guard(self) -> None:
        return None

    def over(self, why: str) -> None:
        """Never: without a guard nothing is refused for it."""


ALONE: Authority = _Alone()

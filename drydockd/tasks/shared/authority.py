"""Whether this daemon runs the tasks: what its writes are guarded by, and its drivers ask."""

from __future__ import annotations

import asyncio
from typing import Protocol

from drydockd import acting
from drydockd.acting import Permit
from drydockd.store.base import Epoch


class Authority(Permit, Protocol):
    """One per daemon. Where several share a store, their lease is it; see cluster.lease."""

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


def bind_here(authority: Authority) -> None:
    """Have drivers that are called in this context ask `authority`; alone they ask nobody."""
    acting.bind_here(None if authority is ALONE else authority)


async def stand_still() -> None:
    """Never return: what would come next is another daemon's. A cancel ends it."""
    await asyncio.get_running_loop().create_future()

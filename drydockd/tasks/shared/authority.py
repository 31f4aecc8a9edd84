"""Whether this daemon may act for all that share its store, and the epoch in which it may."""

from __future__ import annotations

from typing import Protocol

from drydockd.errors import Unavailable
from drydockd.store.base import Epoch


class NotRunner(Unavailable):
    """Another daemon has the work, or nobody has: nothing may be done to a machine here."""


class Authority(Protocol):
    """Who may run tasks. Event-loop thread only."""

    def guard(self) -> Epoch | None:
        """The epoch to write in, for the runner; None where there is nobody else."""
        ...

    async def may_act(self) -> None:
        """Return when a machine may be told to change, now. Raises NotRunner."""
        ...


class _Alone:
    def guard(self) -> Epoch | None:
        return None

    async def may_act(self) -> None:
        return


# Of a daemon that has its store for itself.
ALONE: Authority = _Alone()

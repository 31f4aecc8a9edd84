"""Whether this daemon runs the tasks, as the tasks know it: see store.lease."""

from __future__ import annotations

from drydockd import acting
from drydockd.store.lease import ALONE, Authority

__all__ = ["ALONE", "Authority", "bind_here"]


def bind_here(authority: Authority) -> None:
    """Have drivers that are called in this context ask `authority`; alone they ask nobody."""
    acting.bind_here(None if authority is ALONE else authority)

"""What there is to know of an action, whoever does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job


@dataclass(frozen=True)
class ActionKind:
    """`run` does the action, `steps` are its driver steps in order.

    `is_site_wide`: it has no nodes. `is_free`: it touches nothing and runs beside anything.
    `is_verdict`: it waits for nothing but the verdict on its design.
    """

    run: Callable[[Job], Awaitable[Result]]
    steps: tuple[str, ...]
    is_site_wide: bool = False
    is_free: bool = False
    is_verdict: bool = False


ActionKinds = Mapping[Action, ActionKind]

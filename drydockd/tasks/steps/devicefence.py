"""What an earlier life of the daemon, or another daemon, had sent to a BMC does not come any more.

Before the first act of a step that was taken up, the session that its open intent names is ended
at the BMC. Where there is none, that is said once in the task: no clock of ours sees that a whole
host stood still, and sent what it was about to send when it went on.
Source: contract, scale, section 6, "Device fence".
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from drydockd.drivers.base import OobDriver, SessionEnder, Voice
from drydockd.model import Intent
from drydockd.site import Node


class Run(Voice, Protocol):
    """What of a node run it takes; see steps.job."""

    name: str
    node: Node

    @property
    def member(self) -> str | None: ...

    def take_left(self) -> list[Intent]: ...

    async def say_once(self, what: str, text: str) -> None: ...

    async def patiently(
        self, call: Callable[[], Awaitable[None]], *, to_the_end: bool = False
    ) -> None: ...


async def raise_fence(run: Run, driver: OobDriver) -> None:
    """End what is left at the BMC of the node. Again is free. Raises DriverErrors that last."""
    for intent in run.take_left():
        session = intent.session
        if session is not None and isinstance(driver, SessionEnder):
            await _ended(run, driver, session)
        else:
            await _say_that_there_is_none(run, intent)


async def _ended(run: Run, driver: SessionEnder, session: str) -> None:
    await run.patiently(lambda: driver.end_session(run.node, session, run), to_the_end=True)


async def _say_that_there_is_none(run: Run, intent: Intent) -> None:
    other = intent.member
    if other is None or other == run.member:
        return
    kind = run.node.oob_type or "its"
    await run.say_once(
        "no fence",
        f"{run.name}: was taken over from {other}, and {kind} BMCs without sessions give no way to "
        "end what it had sent: that may still come. The state is read before anything is sent; if "
        f"the host of {other} stood still for long, see that it is off",
    )

"""Durable notes around destructive driver calls: what may have happened before a restart."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from enum import StrEnum

from drydockd.acting import stand_still
from drydockd.errors import NotRunner
from drydockd.model import Intent, timestamp
from drydockd.store.base import Change, Edit, Epoch, Put, Store
from drydockd.store.lease import ALONE, Authority


class Operation(StrEnum):
    POWER_OFF = "power_off"
    POWER_ON = "power_on"
    COMMISSION = "commission"
    DEPLOY = "deploy"
    DESTROY = "destroy"


class Intents:
    """The intents of one node's attempt at one step.

    An intent is on disk before the call it announces. Found open, it says that the call may
    have happened: the backend's state decides what to do, never a guess.
    """

    def __init__(
        self,
        store: Store,
        write: Callable[..., Awaitable[None]],
        task_id: str,
        node: str,
        authority: Authority = ALONE,
    ) -> None:
        self._write = write
        self._authority = authority
        self._task_id = task_id
        self._node = node
        found = store.intents(task_id)
        self._known = {intent.operation: intent for intent in found if intent.node == node}
        self._left = [intent for intent in self._known.values() if intent.closed is None]
        self._end_if_followed()

    def _end_if_followed(self) -> None:
        """A call that a later epoch announced: this one is over, whatever clock stood still here.

        Else that call would be taken for one of an earlier life, and its session be ended.
        """
        try:
            mine = _number(self._authority.guard())
        except NotRunner:
            return  # it ends already
        for intent in self._known.values():
            if mine is not None and intent.epoch is not None and intent.epoch > mine:
                self._authority.over(
                    f"{intent.member} announced {intent.operation} of {intent.node} in epoch "
                    f"{intent.epoch}, and ours is {mine}"
                )
                return

    def take_left(self) -> list[Intent]:
        """Those that were found open, of an earlier life of the daemon or of another one; once."""
        left, self._left = self._left, []
        return left

    def was_announced(self, operation: Operation) -> bool:
        return operation in self._known

    def is_open(self, operation: Operation) -> bool:
        """Announced, and nobody knows how it ended."""
        intent = self._known.get(operation)
        return intent is not None and intent.closed is None

    def is_done(self, operation: Operation) -> bool:
        return self.was_announced(operation) and not self.is_open(operation)

    async def announce(self, operation: Operation, *together: Change) -> None:
        """Note durably, in one write with `together`, that the call follows now."""
        intent = Intent(
            key=f"{self._task_id}/{self._node}/{operation}",
            task_id=self._task_id,
            node=self._node,
            operation=operation,
            opened=timestamp(),
            member=self._authority.member,
            epoch=await self._epoch(),
        )
        await self._write(Put(intent), *together)
        self._known[operation] = intent

    async def _epoch(self) -> int | None:
        """As for writes: who is not the runner any more stands still until its process ends."""
        try:
            return _number(self._authority.guard())
        except NotRunner:
            await stand_still()

    async def fence(self, session: str) -> None:
        """Note durably in which session at the device the announced calls are made."""
        for intent in self._known.values():
            if intent.closed is None and intent.session != session:
                await self._replace(replace(intent, session=session))

    async def settle(self, operation: Operation, outcome: str, *together: Change) -> None:
        """Note durably how the call ended."""
        intent = replace(self._known[operation], closed=timestamp(), outcome=outcome)
        await self._replace(intent, *together)

    async def _replace(self, intent: Intent, *together: Change) -> None:
        await self._write(Edit(Intent, intent.key, lambda _: intent), *together)
        self._known[Operation(intent.operation)] = intent


def _number(epoch: Epoch | None) -> int | None:
    return None if epoch is None else epoch.number

"""A store of which several daemons could write, as far as one of them sees it."""

import asyncio

from drydockd.errors import Fenced, NotRunner
from drydockd.store.base import Epoch
from drydockd.store.memory import MemoryStore


class FencedStore(MemoryStore):
    """Its epoch is whatever the test says; writes guarded by another one are refused.

    `guards` has the guard of each write, in order. At the guarded write number `ends_at` the next
    epoch begins; `ended` is set then.
    """

    def __init__(self, epoch=1):
        super().__init__()
        self.epoch = epoch
        self.guards = []
        self.ends_at = None
        self.ended = asyncio.Event()

    async def write(self, *changes, guard=None):
        self.guards.append(guard)
        if len(self.guards) - self.guards.count(None) == self.ends_at:
            self.epoch += 1
            self.ends_at = None
            self.ended.set()
        if guard is not None and guard.number != self.epoch:
            raise Fenced("another daemon is the runner now: nothing was changed")
        await super().write(*changes, guard=guard)


class FakeLease:
    """An authority that is what the test says; `reasons` is why it was told to be over."""

    reach_seconds = 1.5

    def __init__(self, member="east", epoch=1):
        self.member = member
        self.epoch = epoch
        self.reasons = []
        self.asked = 0

    def guard(self):
        if self.epoch is None:
            raise NotRunner(f"{self.member} does not run the tasks")
        return Epoch(self.epoch)

    async def may_act(self):
        self.asked += 1
        self.guard()

    def over(self, why):
        self.reasons.append(why)

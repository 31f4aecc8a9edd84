"""Several daemons on one store, without a database: their Tasks share one in memory.

It is a fair model of replicas: whoever writes, all see the same writes in the same order.
"""

from __future__ import annotations

from drydockd.tasks import Tasks
from tests.tasks.helpers import KEYS, Lab


class Shared:
    """The right to act of one among several daemons: it is not asked here."""

    member = "b"
    reach_seconds = None

    def over(self, why):
        raise AssertionError(why)

    def guard(self):
        return None

    async def may_act(self):
        return


class Link:
    """How one daemon asks the one that runs the tasks."""

    def __init__(self, lab):
        self._lab, self.tasks = lab, None

    @property
    def is_here(self):
        return self.tasks is self._lab.runner

    async def waits(self, task_id):
        self._lab.asked += 1
        return None if self._lab.is_cut else self._lab.runner.waits(task_id)


class Several(Lab):
    """A lab whose `tasks` run, and a `follower` on the same store, which takes requests.

    `asked` counts how often the follower asked the runner; `is_cut`: it gets no answer.
    """

    authority = Shared()

    def __init__(self, *arguments, **options):
        self.asked, self.is_cut = 0, False
        super().__init__(*arguments, **options)
        self.runner, self.follower = self.tasks, self._new()

    def _new(self):
        link = Link(self)
        parts = (self.store, self.designs, self.drivers, KEYS, self.settings)
        link.tasks = Tasks(*parts, authority=self.authority, runner=link)
        return link.tasks

    async def __aexit__(self, *_):
        await self.follower.drain(0)
        await super().__aexit__(*_)

    async def kill(self):
        await self.tasks._wishes.close()
        await super().kill()

    async def take_over(self):
        """Kill the runner; the follower becomes it."""
        await self.kill()
        self.tasks = self.runner = self.follower
        self.follower = self._new()
        await self.runner.start("a")
        self._went_down.clear()
        self._is_up.set()

    async def ask(self, action, *names, **more):
        self.tasks = self.follower
        try:
            return await self.submit(action, *names, **more)
        finally:
            self.tasks = self.runner

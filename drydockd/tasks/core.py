"""What all running tasks share: the store, the drivers, the bounds, and who is at work."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from drydockd.auth.bootkey import BootKeys
from drydockd.render import Templates
from drydockd.store.base import Store
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.limits import Slots
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.words.requests import Drivers
from drydockd.tasks.words.settings import TaskSettings

if TYPE_CHECKING:
    from drydockd.design import Designs
    from drydockd.tasks.steps.noderun import NodeRun


class Core:
    """One per daemon.

    `runs` holds the node runs under way by subtask id. Once `is_draining`, nothing new
    starts: whoever asks `gate` stands still until the process ends, and the task goes on
    from there after the restart.
    """

    def __init__(
        self,
        store: Store,
        designs: Designs,
        drivers: Drivers,
        bootkeys: BootKeys,
        settings: TaskSettings,
        templates: Templates | None = None,
    ) -> None:
        self.store = store
        self.recorder = Recorder(store)
        self.designs = designs
        self.drivers = drivers
        self.settings = settings
        self.templates = templates
        self.verdicts = Verdicts(designs, settings)
        self.changes = Changes(store, settings.event_history)
        self.deployments = Deployments(store, bootkeys, self.changes)
        self.slots = Slots(settings.fan_out, settings.total_limit, settings.driver_limits)
        self.runs: dict[str, NodeRun] = {}
        self.is_draining = False
        self._brief = 0
        self._is_quiet = asyncio.Event()
        self._is_quiet.set()

    async def gate(self) -> None:
        """Return at once; never while draining."""
        if self.is_draining:
            await asyncio.get_running_loop().create_future()

    @contextmanager
    def brief_work(self, is_brief: bool) -> Iterator[None]:
        """Mark work that a shutdown had better wait for, such as a power cycle."""
        if not is_brief:
            yield
            return
        self._brief += 1
        self._is_quiet.clear()
        try:
            yield
        finally:
            self._brief -= 1
            if not self._brief:
                self._is_quiet.set()

    async def quiet(self) -> None:
        """Wait until no brief work is under way."""
        await self._is_quiet.wait()

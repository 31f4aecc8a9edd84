"""One top-level task at work: what its action sees."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from drydockd.design import Design
from drydockd.design.inventory import Hardware
from drydockd.drivers.base import NodeProvisioner, OobDriver
from drydockd.errors import DriverUnsupported
from drydockd.model import Action, Caller, Result, ResultStatus, Task
from drydockd.site import Finding, Node, Site
from drydockd.tasks.core import Core
from drydockd.tasks.words import messages, results


class Terminated(Exception):
    """The task was told to stop; raised between the steps of a node run."""


class StepFailed(Exception):
    """The step cannot be done for this node, and trying again is useless; the text says why."""


class NoDriver(Exception):
    """The action needs a driver that is not enabled; `kind` is ``Node`` or ``Kubernetes``."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


class Job:
    """A running top-level task: its pinned design, its nodes, its wish to stop.

    `was_resumed`: an earlier life of the daemon began it; records of finished steps count.
    """

    def __init__(
        self, core: Core, task: Task, design: Design, *, was_resumed: bool = False
    ) -> None:
        self.core = core
        self.settings = core.settings
        self.task_id = task.task_id
        self.action: Action = task.action
        self.scope = task.scope
        self.caller = task.caller or Caller(user=task.created_by or "")
        self.design = design
        self.site: Site = design.site
        self.was_resumed = was_resumed
        self.findings: Sequence[Finding] = ()
        # Parsed inventories: node -> (mark of the lshw text, devices).
        self.hardware: dict[str, tuple[int, Hardware]] = {}
        self.stopping = asyncio.Event()
        self._wakers: set[asyncio.Event] = set()
        if task.terminate:
            self.stopping.set()

    def stop(self) -> None:
        """Tell the job to end: nothing new starts, waits that are ours end at once."""
        self.stopping.set()
        self.core.slots.stop(self.task_id)
        for waker in self._wakers:
            waker.set()

    @contextmanager
    def woken_by_stop(self, event: asyncio.Event) -> Iterator[None]:
        """Set `event` too when the job is told to stop."""
        self._wakers.add(event)
        try:
            yield
        finally:
            self._wakers.discard(event)

    async def may_go_on(self) -> bool:
        """False once the task is to stop; stands still while the daemon shuts down."""
        await self.core.gate()
        return not self.stopping.is_set()

    async def pause(self, seconds: float) -> None:
        """Wait; raises Terminated as soon as the task is told to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            return
        raise Terminated

    async def say(self, text: str, *, node: str = "", error: bool = False) -> None:
        """Add a message to the top-level task, about `node` if one is named."""
        if node:
            message = messages.on_node(self.task_id, node, text, error=error)
        else:
            message = messages.message(self.task_id, text, error=error)
        await self.core.recorder.say(message)

    def node(self, name: str) -> Node:
        return self.site.nodes[name]

    def node_driver(self) -> NodeProvisioner:
        """Raises NoDriver."""
        if self.core.drivers.node is None:
            raise NoDriver("Node")
        return self.core.drivers.node

    def oob_driver(self, node: Node) -> OobDriver:
        """Raises DriverUnsupported in the contract's words."""
        driver = self.core.drivers.oob_for(node.oob_type)
        if driver is None:
            raise DriverUnsupported(f"Node {node.name} OOB type {node.oob_type} is not supported.")
        return driver

    def oob_limit(self, driver: OobDriver) -> float:
        """The drivers' own worst case may be longer than the general limit; contract, oob, 2."""
        worst = driver.worst_case_seconds + self.settings.driver_margin
        return max(self.settings.drydock_timeout, worst)

    def outcome(self, passed: Iterable[str]) -> Result:
        """The final result: these nodes passed every step, all others of the scope failed."""
        return results.partition(self.scope, frozenset(passed))

    async def nothing_to_do(self, text: str = messages.NO_NODES) -> Result:
        """The final result of a task without nodes."""
        await self.say(text)
        return Result(status=ResultStatus.SUCCESS)

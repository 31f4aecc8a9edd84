"""One top-level task at work: what its action sees."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from drydockd.design import Design
from drydockd.design.inventory import Hardware
from drydockd.model import Action, Caller, Result, ResultStatus, Task
from drydockd.site import Finding, Node, Site
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.words import messages, results
from drydockd.tasks.words.stops import Terminated


class Job:
    """A running top-level task: its pinned design, its nodes, its wish to stop.

    `was_resumed`: it began before the daemon was started; records of finished steps count.
    `on_stop` is called when it is told to stop.
    """

    def __init__(
        self,
        task: Task,
        design: Design,
        recorder: Recorder,
        shutdown: Shutdown,
        *,
        was_resumed: bool = False,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        self.task_id = task.task_id
        self.action: Action = task.action
        self.scope = task.scope
        self.started = task.started
        self.caller = task.caller or Caller(user=task.created_by or "")
        self.design = design
        self.site: Site = design.site
        self.was_resumed = was_resumed
        self.findings: Sequence[Finding] = ()
        # Parsed inventories: node -> (mark of the lshw text, devices).
        self.hardware: dict[str, tuple[int, Hardware]] = {}
        self.stopping = asyncio.Event()
        self._recorder = recorder
        self._shutdown = shutdown
        self._on_stop = on_stop
        self._woken: set[asyncio.Event] = set()
        if task.terminate:
            self.stopping.set()

    def stop(self) -> None:
        """Tell the job to end: nothing new starts, waits that are ours end at once."""
        self.stopping.set()
        self._on_stop()
        for event in self._woken:
            event.set()

    @contextmanager
    def woken_by_stop(self, event: asyncio.Event) -> Iterator[None]:
        """Set `event` too when the job is told to stop."""
        self._woken.add(event)
        try:
            yield
        finally:
            self._woken.discard(event)

    async def may_go_on(self) -> bool:
        """False once the task is to stop; stands still while the daemon shuts down."""
        await self._shutdown.hold()
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
        await self._recorder.say(message)

    def node(self, name: str) -> Node:
        return self.site.nodes[name]

    def outcome(self, passed: Iterable[str]) -> Result:
        """The final result: these nodes passed every step, all others of the scope failed."""
        return results.partition(self.scope, frozenset(passed))

    async def nothing_to_do(self, text: str = messages.NO_NODES) -> Result:
        """The final result of a task without nodes."""
        await self.say(text)
        return Result(status=ResultStatus.SUCCESS)

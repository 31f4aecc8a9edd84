"""One node at one step: what the body of a step sees, and a driver's voice."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from drydockd.errors import DriverTransient
from drydockd.model import Timestamp, timestamp
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.intents import Intents
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.patience import patiently
from drydockd.tasks.words import messages
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.times import seconds_until

T = TypeVar("T")


class NodeRun:
    """One attempt of one node at one step; it is the drivers' Voice.

    `task_id` is the subtask that gets the messages. `was_resumed`: this very attempt was
    under way when the daemon stopped. `waiting_for` and `last_seen` are what is said about
    the attempt while it runs and when its time is over.
    """

    def __init__(
        self,
        job: Job,
        name: str,
        task_id: str,
        recorder: Recorder,
        settings: TaskSettings,
        *,
        until: Timestamp,
        waiting_for: str = "",
        was_resumed: bool = False,
    ) -> None:
        self.job = job
        self.name = name
        self.node = job.node(name)
        self.task_id = task_id
        self.until = until
        self.waiting_for = waiting_for
        self.was_resumed = was_resumed
        self.last_seen = ""
        self.since = timestamp()
        self._recorder = recorder
        self._settings = settings

    async def say(self, text: str, *, error: bool = False) -> None:
        """Add a message about the node to its subtask."""
        self.saw(text)
        await self._recorder.say(messages.on_node(self.task_id, self.name, text, error=error))

    def saw(self, what: object) -> None:
        self.last_seen = str(what)

    def intents(self) -> Intents:
        return Intents(self._recorder, self.task_id, self.name)

    def remaining(self) -> float:
        """Seconds until the limit; after a restart at least time for one look."""
        left = seconds_until(self.until)
        return max(left, self._settings.resume_grace) if self.was_resumed else left

    async def pause(self, seconds: float | None = None) -> None:
        """Wait a poll interval or `seconds`; raises Terminated when the task is to stop."""
        await self.job.pause(self._settings.poll_interval if seconds is None else seconds)

    async def patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns; while its backend is unreachable, call it again.

        For calls that may be repeated. The step's limit bounds it.
        """
        return await patiently(call, tell=self._tell_once, pause=lambda _: self.pause())

    async def tell(self, error: DriverTransient) -> None:
        """Say that the backend is away and is asked again."""
        await self.say(f"{self.name}: {error}; trying again")

    async def _tell_once(self, error: DriverTransient) -> None:
        if str(error) != self.last_seen:
            await self.tell(error)
            self.saw(error)

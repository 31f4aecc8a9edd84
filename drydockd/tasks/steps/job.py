"""What is at work: a top-level task as its action sees it, a node as the body of a step does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from drydockd.design import Design
from drydockd.design.inventory import Hardware
from drydockd.errors import DriverTransient
from drydockd.machines import BmcFacts
from drydockd.model import (
    Action,
    BuildData,
    Caller,
    Intent,
    Link,
    Message,
    Result,
    ResultStatus,
    Task,
    Timestamp,
    timestamp,
)
from drydockd.site import Node, Site
from drydockd.store.base import Change, Edit, Put
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.retelling import Retelling
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.steps.intents import Intents
from drydockd.tasks.steps.patience import growing, patiently
from drydockd.tasks.words import messages, results, states
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import Terminated
from drydockd.tasks.words.times import seconds_until

T = TypeVar("T")

DETAIL_LOGS = "detail_logs"


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
        # Node -> its place in the scope: what lists of nodes are sorted by.
        self.places = {name: place for place, name in enumerate(task.scope)}
        self.started = task.started
        self.caller = task.caller or Caller(user=task.created_by or "")
        self.design = design
        self.site: Site = design.site
        self.was_resumed = was_resumed
        self.verdict = messages.Verdict()
        # Parsed inventories of nodes at work: node -> (mark of the lshw text, devices).
        self.hardware: dict[str, tuple[int, Hardware]] = {}
        # What the BMCs told: node -> facts; and who is who by the design, once it was needed.
        self.told: dict[str, BmcFacts] = {}
        # What is said once in the task, whichever node comes to it first.
        self._firsts: set[str] = set()
        self.claims: asyncio.Future[Mapping[tuple[str, str], tuple[str, ...]]] | None = None
        self.stopping = asyncio.Event()
        self.last_words: list[Change] = []
        self._recorder = recorder
        self._retelling = Retelling(recorder.store, task.task_id, is_needed=was_resumed)
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
        """Add a message to the top-level task, about `node` if one is named.

        What it said before a restart is not said again.
        """
        if node:
            message = messages.on_node(self.task_id, node, text, error=error)
        else:
            message = messages.message(self.task_id, text, error=error)
        if not self._retelling.repeats(message):
            await self._recorder.say(message)

    def conclude(self, *said: Message) -> None:
        """Note last words: they are written together with the end of the task."""
        self.last_words += map(Put, said)

    def is_first(self, what: str) -> bool:
        """Whether `what` is asked for the first time."""
        if what in self._firsts:
            return False
        self._firsts.add(what)
        return True

    def node(self, name: str) -> Node:
        return self.site.nodes[name]

    def let_go(self, name: str) -> None:
        """Forget what only a node at work needs: all at the end of the job would take 15 ms."""
        self.hardware.pop(name, None)

    def outcome(self, passed: Iterable[str]) -> Result:
        """The final result: these nodes passed every step, all others of the scope failed."""
        return results.partition(self.scope, frozenset(passed))

    def nothing_to_do(self, text: str = messages.NO_NODES) -> Result:
        """The final result of a task without nodes."""
        self.conclude(messages.message(self.task_id, text))
        return Result(status=ResultStatus.SUCCESS)


class NodeRun:
    """One attempt of one node at one step; it is the drivers' Voice.

    `task_id` is the subtask that gets the messages. `was_resumed`: this very attempt was
    under way when the daemon stopped. `waiting_for` and `last_seen` are what is said about
    the attempt while it runs and when its time is over. `at_end` is written together with its
    end: its last words, and what else must be there once.
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
        self.at_end: list[Change] = []
        self._told = ""
        self._recorder = recorder
        self._retelling = Retelling(recorder.store, task_id, is_needed=was_resumed)
        self._settings = settings
        self._intents: Intents | None = None

    async def say(self, text: str, *, error: bool = False) -> None:
        """Add a message about the node to its subtask.

        What this attempt said before a restart is not said again.
        """
        self.saw(text)
        message = messages.on_node(self.task_id, self.name, text, error=error)
        if not self._retelling.repeats(message):
            await self._recorder.say(message)

    def conclude(self, text: str, *, error: bool = False) -> None:
        """Note a last word: it is written together with the attempt's end."""
        self.saw(text)
        self.at_end.append(Put(messages.on_node(self.task_id, self.name, text, error=error)))

    def learnt(self, generator: str, data_format: str, text: str) -> BuildData:
        """Return a new record of what this attempt learnt about the node."""
        return BuildData(
            node=self.name,
            task_id=self.task_id,
            collected=timestamp(),
            generator=generator,
            data_format=data_format,
            data_element=text,
        )

    def keep(self, records: Sequence[BuildData]) -> None:
        """Keep `records` with the attempt's end, linked from its subtask."""
        if records:
            url = f"{self._settings.internal_url.rstrip('/')}/tasks/{self.task_id}/builddata"
            self.at_end += [Put(record) for record in records]
            link = partial(states.linked, link=Link(DETAIL_LOGS, url))
            self.at_end.append(Edit(Task, self.task_id, link))

    def saw(self, what: object) -> None:
        self.last_seen = str(what)

    def intents(self) -> Intents:
        """The intents of this attempt; the same object each time, as it remembers them."""
        if self._intents is None:
            recorder = self._recorder
            self._intents = Intents(
                recorder.store, recorder.write, self.task_id, self.name, recorder.authority
            )
        return self._intents

    @property
    def member(self) -> str | None:
        """This daemon's name among several."""
        return self._recorder.authority.member

    def take_left(self) -> list[Intent]:
        """See Intents."""
        return self.intents().take_left()

    async def say_once(self, what: str, text: str) -> None:
        """Add a message to the top-level task, unless one about `what` was said already."""
        if self.job.is_first(what):
            await self.job.say(text)

    async def fence(self, session: str) -> None:
        await self.intents().fence(session)

    def remaining(self) -> float:
        """Seconds until the limit; after a restart at least time for one look."""
        left = seconds_until(self.until)
        return max(left, self._settings.resume_grace) if self.was_resumed else left

    async def pause(self, seconds: float | None = None) -> None:
        """Wait a poll interval or `seconds`; raises Terminated when the task is to stop."""
        await self.job.pause(self._settings.poll_interval if seconds is None else seconds)

    async def patiently(
        self,
        call: Callable[[], Awaitable[T]],
        *,
        tries: int | None = None,
        to_the_end: bool = False,
    ) -> T:
        """Return what `call` returns; while its backend is unreachable, call it again.

        For calls that may be repeated. The step's limit bounds it, or `tries`, after which the
        last error is raised. Raises Terminated when the task is to stop, but not with
        `to_the_end`: for what must not be left half-way.
        """

        async def pause(made: int) -> None:
            seconds = growing(made, self._settings.poll_interval)
            await (asyncio.sleep(seconds) if to_the_end else self.pause(seconds))

        try:
            return await patiently(call, tell=self._tell_once, pause=pause, tries=tries)
        except asyncio.CancelledError as cut:
            # What a driver saw before the limit passed in the middle of its call.
            for note in getattr(cut, "__notes__", ()):
                self.saw(note)
            raise

    async def tell(self, error: DriverTransient) -> None:
        """Say that the backend is away and is asked again; the error is the last thing seen."""
        text = str(error)
        prefix = "" if text.startswith(f"{self.name}:") else f"{self.name}: "
        await self.say(f"{prefix}{text}; trying again")
        self.saw(text)

    async def _tell_once(self, error: DriverTransient) -> None:
        if str(error) != self._told:
            await self.tell(error)
            self._told = str(error)
        self.saw(error)

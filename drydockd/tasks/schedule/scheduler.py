"""Runs top-level tasks: load the design, wait for the nodes, do the action, record the end.

One coroutine per unfinished task, woken by events; nothing polls the store.
Source: architecture, decisions 3, 5 and 6; contract, tasks, section 9.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from drydockd import log as logs
from drydockd.design import Design, nodefilter
from drydockd.errors import Conflict, DrydockError, NotFound
from drydockd.model import Action, Caller, Task, timestamp
from drydockd.site import Finding
from drydockd.store.base import Edit
from drydockd.tasks.actions import ACTIONS
from drydockd.tasks.core import Core
from drydockd.tasks.schedule import endings
from drydockd.tasks.schedule.claims import Blocker, Claims
from drydockd.tasks.steps.job import Job, NoDriver
from drydockd.tasks.words import messages, states

log = logging.getLogger(__name__)

SHOWN_NODES = 8
LOADING_PATIENCE = 1.0
BAD_CONFIGURATION = "Bad Configuration."


class Unrunnable(Exception):
    """A task that cannot begin, or cannot be taken up again; the text says why."""

    def __init__(self, text: str, findings: Sequence[Finding] = ()) -> None:
        super().__init__(text)
        self.findings = findings


class Scheduler:
    """The lives of all unfinished top-level tasks."""

    def __init__(self, core: Core) -> None:
        self.core = core
        self.claims = Claims()
        self.jobs: dict[str, Job] = {}
        self._lives: dict[str, asyncio.Task[None]] = {}
        self._turns: dict[str, asyncio.Event] = {}
        self._notes: set[asyncio.Task[None]] = set()
        self._told: dict[str, Blocker] = {}
        self._places = asyncio.Semaphore(core.settings.parallel_tasks)

    # -- coming and going ------------------------------------------------------------

    def resume(self) -> None:
        """Take up every unfinished task of the store; running ones keep their nodes."""
        unfinished = self.core.store.unfinished()
        for task in unfinished:
            kind = ACTIONS[task.action]
            if kind.is_free:
                continue
            if task.status in states.WAITING:
                self.claims.enter(task.task_id, task.created)
                if task.design:
                    self.claims.resolve(task.task_id, task.scope, is_alone=kind.is_site_wide)
            else:
                self.claims.hold(task.task_id, task.created, task.scope, is_alone=kind.is_site_wide)
        for task in unfinished:
            self._begin(task, was_running=task.status not in states.WAITING)
        self.wake()

    def announce(self, task: Task) -> None:
        """Note a task that is about to be stored, so that creation order is kept."""
        if not ACTIONS[task.action].is_free:
            self.claims.enter(task.task_id, task.created)

    def withdraw(self, task_id: str) -> None:
        """Forget an announced task that could not be stored."""
        self.claims.leave(task_id)
        self.wake()

    def begin(self, task: Task) -> None:
        """Start the life of a stored, announced task."""
        self._begin(task, was_running=False)

    def end_early(self, task_id: str) -> None:
        """A task was terminated before it ran."""
        life = self._lives.get(task_id)
        if life is not None:
            life.cancel()

    def wake(self) -> None:
        """Start who may, and tell who still has to wait what they wait for."""
        for task_id in self.claims.take_ready():
            turn = self._turns.get(task_id)
            if turn is not None:
                turn.set()
        for task_id, blocker in self.claims.take_waiting():
            if self._told.get(task_id) != blocker:
                self._told[task_id] = blocker
                self._note(task_id, blocker)

    async def drain(self, seconds: float) -> None:
        """Stop without ending any task: no new step starts, brief work gets `seconds`."""
        self.core.is_draining = True
        try:
            async with asyncio.timeout(seconds):
                await self.core.quiet()
        except TimeoutError:
            log.warning("still at work after %.1f s, interrupted; it resumes at the start", seconds)
        await self.abandon()

    async def abandon(self) -> None:
        """Cut every life off, as the end of the process would."""
        self.core.is_draining = True
        ours = [*self._lives.values(), *self._notes]
        for life in ours:
            life.cancel()
        if ours:
            await asyncio.wait(ours)

    def _begin(self, task: Task, *, was_running: bool) -> None:
        self._turns[task.task_id] = asyncio.Event()
        life = asyncio.create_task(
            self._live(task, was_running), name=f"task {task.task_id} {task.action}"
        )
        self._lives[task.task_id] = life
        life.add_done_callback(partial(self._gone, task.task_id))

    def _gone(self, task_id: str, life: asyncio.Task[None]) -> None:
        for register in (self._lives, self._turns, self.jobs, self._told):
            register.pop(task_id, None)
        if not life.cancelled() and life.exception() is not None:
            log.critical("task %s has no end", task_id, exc_info=life.exception())
        if self.core.is_draining:
            return
        self.claims.leave(task_id)
        self.wake()

    def _note(self, task_id: str, blocker: Blocker) -> None:
        note = asyncio.create_task(self._tell(task_id, blocker), name=f"note {task_id}")
        self._notes.add(note)
        note.add_done_callback(self._notes.discard)

    async def _tell(self, task_id: str, blocker: Blocker) -> None:
        if blocker.is_loading:
            # Nearly always over at once, and then not worth a message.
            await asyncio.sleep(LOADING_PATIENCE)
        if self.claims.blocker(task_id) == blocker:
            text = f"Waiting for {self.describe(blocker)}."
            await self.core.recorder.say(messages.on_task(task_id, text))

    def describe(self, blocker: Blocker) -> str:
        """Return what a task waits for, as its messages say it."""
        try:
            action: str = self.core.store.task(blocker.task_id).action
        except NotFound:
            action = "new"
        who = f"task {blocker.task_id} ({action})"
        if blocker.is_loading:
            return f"{who}, whose design is being loaded"
        if not blocker.nodes:
            return f"{who}; one of the two is site-wide and runs alone"
        shown = ", ".join(blocker.nodes[:SHOWN_NODES])
        more = len(blocker.nodes) - SHOWN_NODES
        return f"{who}, which holds {shown}" + (f" and {more} more nodes" if more > 0 else "")

    # -- one life --------------------------------------------------------------------

    async def _live(self, task: Task, was_running: bool) -> None:
        """Take one task to its end. The edge: whatever escapes ends the task as a failure."""
        logs.bind_here(task=task.task_id, **_ids(task.caller))
        try:
            await self._to_the_end(task, was_running)
        except Conflict as error:
            # Terminated in the very moment it was to start; anything else is a defect.
            if not self.core.store.task(task.task_id).status.is_final:
                await endings.fail(self.core, task.task_id, f"Task failed: {error}")
        except NoDriver as error:
            await endings.fail(
                self.core,
                task.task_id,
                f"No {error.kind.lower()} driver enabled, ending task.",
                message=f"No {error.kind}Driver enabled.",
                reason=BAD_CONFIGURATION,
            )
        except Unrunnable as error:
            await endings.fail(self.core, task.task_id, str(error), findings=error.findings)
        except Exception as error:
            log.exception("task %s (%s) failed unexpectedly", task.task_id, task.action)
            text = f"Task failed unexpectedly ({type(error).__name__}); the log has the details"
            await endings.fail(self.core, task.task_id, text)

    async def _to_the_end(self, task: Task, was_running: bool) -> None:
        if was_running:
            await self._say_resumed(task)
        design = await self._design(task)
        task = self.core.store.task(task.task_id)
        if ACTIONS[task.action].is_free:
            await self._at_work(task, design, was_running)
            return
        if not was_running:
            await self._wait_for_nodes(task, design)
        async with self._places:
            await self._at_work(self.core.store.task(task.task_id), design, was_running)

    async def _at_work(self, task: Task, design: Design, was_running: bool) -> None:
        if not was_running:
            task = await self._started(task, design)
        job = Job(self.core, task, design, was_resumed=was_running)
        self.jobs[task.task_id] = job
        log.info(
            "task %s %s %s", task.task_id, task.action, "resumed" if was_running else "started"
        )
        await self.core.gate()
        if not (was_running and task.subtask_id_list):
            job.findings = await self.core.verdicts.of(design, self.core.drivers.node)
            if task.action is not Action.VALIDATE_DESIGN:
                _refuse_invalid(job.findings)
        result = await ACTIONS[task.action].run(job)
        await endings.end(self.core, job.task_id, result)

    async def _wait_for_nodes(self, task: Task, design: Design) -> None:
        """Claim the task's nodes and return when they are its own."""
        turn = self._turns[task.task_id]
        if not task.design:
            scope = self._scope(task, design)
            is_alone = ACTIONS[task.action].is_site_wide
            self.claims.resolve(task.task_id, scope, is_alone=is_alone)
            self.wake()
        if turn.is_set() and not self._places.locked():
            return
        if not task.design:
            # It may take long: what is known of the task is recorded before.
            pin = partial(_pinned, design=design.digest, scope=scope)
            await self.core.recorder.write(Edit(Task, task.task_id, pin))
        await turn.wait()

    async def _started(self, task: Task, design: Design) -> Task:
        """Record the start, together with design and nodes if nobody did before."""
        await self.core.gate()
        scope = task.scope if task.design else self._scope(task, design)
        pin = partial(_pinned, design=design.digest, scope=scope)
        start = partial(states.started, now=timestamp())
        await self.core.recorder.write(Edit(Task, task.task_id, lambda t: start(pin(t))))
        return self.core.store.task(task.task_id)

    def _scope(self, task: Task, design: Design) -> tuple[str, ...]:
        if ACTIONS[task.action].is_site_wide:
            return ()
        return nodefilter.select(design.site, nodefilter.parse(task.node_filter))

    # -- designs ---------------------------------------------------------------------

    async def _design(self, task: Task) -> Design:
        """Return the task's design: the pinned bytes, or fetched and pinned now."""
        ref = task.design_ref or ""
        designs, caller = self.core.designs, task.caller
        try:
            if task.design:
                return await designs.compile(await self.core.store.blob(task.design), ref)
            design = await designs.load(
                ref,
                marker=caller.external_marker if caller else "",
                end_user=caller.end_user if caller else "",
            )
        except NotFound as error:
            raise Unrunnable(
                f"The design bytes of this task are lost ({error}); it cannot be resumed after "
                "the restart. Create it again."
            ) from error
        except DrydockError as error:
            raise Unrunnable(f"The design cannot be loaded: {error}") from error
        if not design.ok and task.action is not Action.VALIDATE_DESIGN:
            raise Unrunnable("The design cannot be loaded; see the messages.", design.findings)
        if design.digest:
            await self.core.store.put_blob(design.content)
        return design

    async def _say_resumed(self, task: Task) -> None:
        last = max(self._latest(task), task.updated)
        text = f"Interrupted after {last}, when the daemon stopped; resumed at {timestamp()}."
        await self.core.recorder.say(messages.on_task(task.task_id, text))

    def _latest(self, task: Task) -> str:
        """When anything of the tree was last recorded."""
        store = self.core.store
        said = store.messages(task.task_id)
        moments = [task.updated, said[-1].ts if said else ""]
        moments += [self._latest(child) for child in store.subtasks(task.task_id)]
        return max(moments)


def _refuse_invalid(findings: Sequence[Finding]) -> None:
    if any(finding.error for finding in findings):
        raise Unrunnable("Site design failed validation; see the messages.", findings)


def _pinned(task: Task, design: str, scope: tuple[str, ...]) -> Task:
    return replace(task, design=design, scope=scope)


def _ids(caller: Caller | None) -> dict[str, str]:
    """What the lines of a task carry of the request that created it."""
    if caller is None:
        return {}
    ids = {
        "request_id": caller.request_id,
        "user": caller.user,
        "marker": caller.external_marker,
        "end_user": caller.end_user,
    }
    return {key: value for key, value in ids.items() if value}

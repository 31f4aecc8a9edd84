"""Runs top-level tasks: load the design, wait for the nodes, do the action, record the end.

One coroutine per unfinished task, woken by events; nothing polls the store.
Source: architecture, decisions 3, 5 and 6; contract, tasks, section 9.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial

from drydockd import log as logs
from drydockd.design import Design, nodefilter
from drydockd.errors import Conflict, NotFound
from drydockd.model import Task, timestamp
from drydockd.store.base import Change, Edit, Store
from drydockd.tasks.schedule.pinning import PinnedDesigns, Unrunnable, pinned
from drydockd.tasks.schedule.queue import Queue
from drydockd.tasks.schedule.validations import Load, Validations, ids
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.shared import authority, endings
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.shared.slots import Slots
from drydockd.tasks.steps.job import Job
from drydockd.tasks.steps.kinds import ActionKinds
from drydockd.tasks.words import messages, results, states
from drydockd.tasks.words.drivers import NoDriver

log = logging.getLogger(__name__)

BAD_CONFIGURATION = "Bad Configuration."
# So many subtasks are looked at in one turn of the loop when a task is resumed.
SLICE = 500


class Scheduler:
    """Takes every unfinished top-level task to its end. One per daemon."""

    def __init__(
        self,
        recorder: Recorder,
        queue: Queue,
        designs: PinnedDesigns,
        verdicts: Verdicts,
        kinds: ActionKinds,
        slots: Slots,
        shutdown: Shutdown,
        *,
        parallel_tasks: int,
    ) -> None:
        self._recorder = recorder
        self._store: Store = recorder.store
        self._queue = queue
        self._designs = designs
        self._verdicts = verdicts
        self._kinds = kinds
        self._slots = slots
        self._shutdown = shutdown
        self._jobs: dict[str, Job] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._validations = Validations(recorder, designs, verdicts, shutdown, self._begin_with)
        self._groups: set[asyncio.Task[None]] = set()
        self._places = asyncio.Semaphore(parallel_tasks)
        self._before = ""

    # -- coming and going ------------------------------------------------------------

    def resume(self, before: str = "") -> None:
        """Take up every unfinished task of the store; running ones keep their nodes.

        `before`: the daemon that had the work, if it was another one.
        """
        self._before = before
        unfinished = self._store.unfinished()
        for task in unfinished:
            kind = self._kinds[task.action]
            if kind.is_free:
                continue
            if task.status in states.WAITING:
                self._queue.enter(task)
                if task.design:
                    self._queue.resolve(task.task_id, task.scope, is_alone=kind.is_site_wide)
            else:
                self._queue.hold(task, is_alone=kind.is_site_wide)
        for task in unfinished:
            was_running = task.status not in states.WAITING
            self._begin(task, was_running=was_running, is_resumed=True)
        self._queue.wake()

    def begin(self, task: Task) -> None:
        """Begin with a stored task; it stands where it arrived, whoever begins first.

        Once the shutdown has begun it is left to the next start.
        """
        if self._shutdown.has_begun:
            return
        kind = self._kinds[task.action]
        if kind.is_verdict:
            self._begin_with_others(task)
            return
        if not kind.is_free:
            self._queue.enter(task)
        self._begin(task, was_running=False)

    def stop(self, task: Task) -> None:
        """A task was told to stop: one that waits is done with, a running one is told."""
        job = self._jobs.get(task.task_id)
        running = self._running.get(task.task_id)
        if task.status.is_final and running is not None:
            running.cancel()
        elif job is not None:
            job.stop()

    async def drain(self, seconds: float) -> None:
        """Stop without ending any task: no new step starts, brief work gets `seconds`."""
        self._shutdown.begin()
        try:
            async with asyncio.timeout(seconds):
                await self._shutdown.quiet()
        except TimeoutError:
            log.warning("still at work after %.1f s, interrupted; it resumes at the start", seconds)
        await self.abandon()

    async def abandon(self) -> None:
        """Cut everything off, as the end of the process would."""
        self._shutdown.begin()
        ours = (*self._running.values(), *self._groups)
        for running in ours:
            running.cancel()
        await self._queue.close()
        if ours:
            await asyncio.wait(ours)

    def _begin(self, task: Task, *, was_running: bool, is_resumed: bool = False) -> None:
        load = partial(self._designs.of, task, is_resumed=is_resumed)
        self._begin_with(task, load, was_running=was_running)

    def _begin_with(self, task: Task, load: Load, *, was_running: bool = False) -> None:
        running = asyncio.create_task(
            self._run(task, load, was_running), name=f"task {task.task_id} {task.action}"
        )
        self._running[task.task_id] = running
        running.add_done_callback(partial(self._gone, task.task_id))

    def _gone(self, task_id: str, running: asyncio.Task[None]) -> None:
        self._running.pop(task_id, None)
        self._jobs.pop(task_id, None)
        _tell_if_failed(task_id, running)
        if not self._shutdown.has_begun:
            self._queue.leave(task_id)

    def _begin_with_others(self, task: Task) -> None:
        group = self._validations.join(task)
        if group is not None:
            running = asyncio.create_task(group, name=f"tasks {task.task_id} and others")
            self._groups.add(running)
            running.add_done_callback(partial(self._group_gone, task.task_id))

    def _group_gone(self, task_id: str, running: asyncio.Task[None]) -> None:
        self._groups.discard(running)
        _tell_if_failed(f"{task_id} or one of its group", running)

    # -- one task --------------------------------------------------------------------

    async def _run(self, task: Task, load: Load, was_running: bool) -> None:
        """Take one task to its end. Whatever escapes ends it as a failure here, at the latest."""
        logs.bind_here(**ids(task))
        authority.bind_here(self._recorder.authority)
        try:
            await self._to_the_end(task, load, was_running)
        except Exception as error:
            await self._stopped_by(task, error)

    async def _stopped_by(self, task: Task, error: Exception) -> None:
        """End a task that `error` stopped, unless somebody else did: terminated it, or purged it.

        Such a change may be on its way to the disk when the task runs into it.
        """
        is_over = await self._is_over(task.task_id)
        is_known = isinstance(error, Conflict | NoDriver | Unrunnable)
        if not is_known and not (is_over and isinstance(error, NotFound)):
            log.error("task %s (%s) failed unexpectedly", task.task_id, task.action, exc_info=error)
        while not is_over:
            with suppress(Conflict, NotFound):
                await self._record_failure(self._store.task(task.task_id), error)
            is_over = await self._is_over(task.task_id)

    async def _record_failure(self, task: Task, error: Exception) -> None:
        fail = partial(
            endings.fail, self._recorder, task.task_id, steps=self._kinds[task.action].steps
        )
        if isinstance(error, NoDriver):
            await fail(
                f"No {error.kind.lower()} driver enabled, ending task.",
                message=f"No {error.kind}Driver enabled.",
                reason=BAD_CONFIGURATION,
            )
        elif isinstance(error, Unrunnable):
            await fail(str(error), findings=error.findings)
        elif isinstance(error, Conflict) and task.terminate:
            # Told to stop in the moment a step of the site was to begin.
            await endings.end(self._recorder, task.task_id, results.partition(task.scope, ()))
        elif isinstance(error, Conflict):
            await fail(f"Task failed: {error}")
        else:
            await fail(
                f"Task failed unexpectedly ({type(error).__name__}); the log has the details"
            )

    async def _is_over(self, task_id: str) -> bool:
        """Whether the task has its end, or is gone, once what is on its way has arrived."""
        try:
            await self._recorder.write(Edit(Task, task_id, _as_it_is))
            return self._store.task(task_id).status.is_final
        except NotFound:
            return True

    async def _to_the_end(self, task: Task, load: Load, was_running: bool) -> None:
        if was_running:
            await self._say_resumed(task)
        design = await load()
        # Its bytes are in the store and may be 64 MiB: no task holds them while it waits.
        design = replace(design, content=b"")
        task = self._store.task(task.task_id)
        if self._kinds[task.action].is_free:
            await self._at_work(task, design, was_running)
            return
        if not was_running:
            await self._wait_for_nodes(task, design)
        async with self._places:
            await self._at_work(self._store.task(task.task_id), design, was_running)

    async def _at_work(self, task: Task, design: Design, was_running: bool) -> None:
        kind = self._kinds[task.action]
        await self._shutdown.hold()
        start: list[Change] = []
        if not was_running:
            start.append(self._start(task, design))
        if start and not (kind.is_verdict and self._verdicts.is_at_hand(design)):
            await self._insist(task.task_id, partial(self._recorder.write, *start))
            start.clear()
            task = self._store.task(task.task_id)
            await self._say_unmatched(task, design)
        # Else start and end are one write: there is nothing to wait for in between.
        job = Job(
            task,
            design,
            self._recorder,
            self._shutdown,
            was_resumed=was_running,
            on_stop=partial(self._slots.stop, task.task_id),
        )
        self._jobs[task.task_id] = job
        if self._store.task(task.task_id).terminate:
            job.stop()  # told so since `task` was read
        log.info(
            "task %s %s %s", task.task_id, task.action, "resumed" if was_running else "started"
        )
        await self._shutdown.hold()
        if not (was_running and self._store.subtask_ids(task.task_id)):
            job.verdict = await self._verdicts.of(design)
            if not kind.is_verdict:
                _refuse_invalid(job.verdict)
        result = await kind.run(job)
        end = partial(endings.end, self._recorder, job.task_id, result)
        if start:
            await self._insist(job.task_id, partial(end, [*start, *job.last_words]))
        else:
            await end(job.last_words)

    async def _wait_for_nodes(self, task: Task, design: Design) -> None:
        """Claim the task's nodes and return when they are its own."""
        turn = self._queue.turn(task.task_id)
        if not task.design:
            scope = self._scope(task, design)
            is_alone = self._kinds[task.action].is_site_wide
            # Ten thousand nodes are 5 ms of each of these.
            await asyncio.sleep(0)
            self._queue.resolve(task.task_id, scope, is_alone=is_alone)
            await asyncio.sleep(0)
            self._queue.wake()
        if turn.is_set() and not self._places.locked():
            return
        if not task.design:
            # It may take long: what is known of the task is recorded before.
            pin = partial(pinned, design=design.digest, scope=scope)
            await self._recorder.write(Edit(Task, task.task_id, pin))
        await turn.wait()

    def _start(self, task: Task, design: Design) -> Change:
        """Return the start, together with design and nodes if nobody recorded them before."""
        scope = task.scope if task.design else self._scope(task, design)
        start = partial(states.started, now=timestamp(), design=design.digest, scope=scope)
        return Edit(Task, task.task_id, start)

    async def _insist(self, task_id: str, write: Callable[[], Awaitable[None]]) -> None:
        """Make a write that starts the task. Raises Conflict if it is over already."""
        while True:
            try:
                return await write()
            except Conflict:
                if await self._is_over(task_id):
                    raise
                # It was being terminated, but the disk refused that.

    def _scope(self, task: Task, design: Design) -> tuple[str, ...]:
        if self._kinds[task.action].is_site_wide:
            return ()
        return nodefilter.select(design.site, nodefilter.parse(task.node_filter))

    async def _say_unmatched(self, task: Task, design: Design) -> None:
        """Names in the filter that no node has select nothing: say so, it may be a typo."""
        if self._kinds[task.action].is_site_wide:
            return
        found = nodefilter.unmatched(design.site, nodefilter.parse(task.node_filter))
        if found:
            texts = [nodefilter.unmatched_text(name, meant) for name, meant in found.items()]
            said = messages.message(
                task.task_id,
                " ".join(texts),
                context_type="task",
                context=task.task_id,
                extra={"unmatched": list(found)},
            )
            await self._recorder.say(said)

    async def _say_resumed(self, task: Task) -> None:
        last = await self._latest(task)
        if self._before:
            text = f"Taken over from {self._before} after {last}; resumed at {timestamp()}."
        else:
            text = f"Interrupted after {last}, when the daemon stopped; resumed at {timestamp()}."
        await self._recorder.say(messages.on_task(task.task_id, text))

    async def _latest(self, task: Task) -> str:
        """When anything of the tree was last recorded.

        Messages are read only of tasks that are under way and have none below them. The others
        may have thousands, one for each change of a task below, which has its own stamp.
        """
        below = self._store.subtask_ids(task.task_id)
        if not below:
            said = self._store.messages(task.task_id)
            return max(task.updated, said[-1].ts if said else "")
        latest = task.updated
        for number, child_id in enumerate(below, 1):
            child = self._store.task(child_id)
            is_at_work = child.status in states.AT_WORK
            latest = max(latest, await self._latest(child) if is_at_work else child.updated)
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return latest


def _refuse_invalid(verdict: messages.Verdict) -> None:
    if verdict.has_error:
        raise Unrunnable("Site design failed validation; see the messages.", verdict.findings)


def _as_it_is(task: Task) -> Task:
    return task


def _tell_if_failed(task_id: str, running: asyncio.Task[None]) -> None:
    if not running.cancelled() and running.exception() is not None:
        log.critical("task %s has no end", task_id, exc_info=running.exception())

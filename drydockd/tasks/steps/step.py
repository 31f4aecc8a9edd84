"""One driver step: a subtask under its parent with one child for each node that comes.

Nodes come one by one, each as soon as it passed the step before. The step's own subtask is
registered with its first node and collected when its last one has ended. A node's finished
child is the durable record that it did the step: after a restart it is not done again.
Source: contract, orchestration, sections 6 to 8; tasks, sections 5 and 6.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from drydockd import log as logs
from drydockd.errors import (
    Conflict,
    DriverPersistent,
    DriverUnsupported,
    DrydockError,
    InvalidInput,
    RenderError,
)
from drydockd.model import (
    Action,
    ResultStatus,
    Task,
    TaskStatus,
    Timestamp,
    timestamp,
)
from drydockd.store.base import Change, Edit, Put
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.limits import LimitPassed, bounded
from drydockd.tasks.steps.job import Job, NodeRun
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.words import messages, records, results, states
from drydockd.tasks.words.outcomes import CUT, Outcome
from drydockd.tasks.words.stops import StepFailed, Terminated
from drydockd.tasks.words.times import moment_after

log = logging.getLogger(__name__)

# About 5 ms of work on the event loop.
LARGEST_BATCH = 50
# So many children of a step are looked at or added up at a time, 2 ms or less.
SLICE = 500

# Trying again would end the same way; contract, node-provisioner, section 1.
HOPELESS = (DriverPersistent, DriverUnsupported, InvalidInput, RenderError)


@dataclass(frozen=True)
class StepPlan:
    """What a step is: its action, its body for one node, its bounds.

    `driver` is the kind whose slots it needs (empty: none). `limit` holds per attempt.
    `margin` is added for bodies that mind the limit themselves. `is_brief`: a shutdown waits
    for it. `waiting_for` completes "waits for ...".
    """

    action: Action
    body: Callable[[NodeRun], Awaitable[None]]
    driver: str
    limit: float
    waiting_for: str
    retries: int = 0
    is_brief: bool = False
    margin: float = 0.0


@dataclass(frozen=True)
class _Arrival:
    name: str
    has_slot: bool
    child: asyncio.Future[Task | None]


class Step:
    """A step for up to all of `expected`; each of them must `run` or `leave`."""

    def __init__(
        self,
        parts: StepParts,
        job: Job,
        parent_id: str,
        plan: StepPlan,
        expected: Iterable[str],
        not_after: Timestamp | None = None,
    ) -> None:
        self.job = job
        self.plan = plan
        self._recorder = parts.recorder
        self._store = parts.recorder.store
        self._slots = parts.slots
        self._parts = parts
        self._parent_id = parent_id
        self._not_after = not_after
        self._expected = tuple(expected)
        self._open = set(self._expected)
        self._arrivals: list[_Arrival] = []
        self._lock = asyncio.Lock()
        self._latest: dict[str, Task] = {}
        self._step_id = ""
        self._line_id = f"{parent_id}/{plan.action}/{min(self._open, default='')}"

    async def remember(self) -> None:
        """Find what an earlier run of the daemon recorded of this step, before its first turn."""
        for step in self._store.subtasks(self._parent_id):
            if step.action is self.plan.action and self._open.intersection(step.scope):
                self._step_id = step.task_id
                for number, child_id in enumerate(self._store.subtask_ids(step.task_id), 1):
                    self._keep_latest(self._store.task(child_id))
                    if number % SLICE == 0:
                        await asyncio.sleep(0)

    def _keep_latest(self, child: Task) -> None:
        for name in child.scope:
            known = self._latest.get(name)
            if known is None or (child.retry, child.created) >= (known.retry, known.created):
                self._latest[name] = child

    async def turn(self, name: str) -> bool:
        """Wait for a slot for `name`, which then must `run` with it.

        False, at once, if it needs none, as it did the step before a restart, and when the
        task is to stop.
        """
        child = self._latest.get(name)
        if self.job.stopping.is_set() or (child is not None and child.status.is_final):
            return False
        return await self._wait_for_slot()

    async def run(self, name: str, *, has_slot: bool = False) -> bool:
        """Take one node through the step; True if it passed. Never raises a node's error.

        `has_slot`: it has one since its `turn`, and gives it back here.
        """
        child = self._latest.get(name)
        try:
            if child is not None and child.status.is_final:
                passed = child.result.status is ResultStatus.SUCCESS
            else:
                passed = await self._take_through(name, child, has_slot)
        except Exception as error:
            # The last resort: whatever went wrong is this node's failure, not the task's.
            log.exception("%s: %s failed unexpectedly", name, self.plan.action)
            await self.job.say(_unexpected(self.plan.action, error), node=name, error=True)
            passed = False
        # Not in a `finally`: a run cut off by the end of the process has not ended.
        await self.leave(name)
        return passed

    async def leave(self, name: str) -> None:
        """Say that `name` is done with the step, or will not come."""
        self._open.discard(name)
        if not self._open and self._step_id:
            await self._collect()

    async def _take_through(self, name: str, child: Task | None, has_slot: bool) -> bool:
        while True:
            if child is None:
                child = await self._arrive(name, has_slot)
                has_slot = child is not None and child.status is TaskStatus.RUNNING
            if child is None:
                return False
            outcome = await self._attempt(name, child, has_slot)
            has_slot = False
            child = await self._record(name, child, outcome)
            if child is None:
                return outcome.passed

    # -- registration ----------------------------------------------------------------

    async def _arrive(self, name: str, has_slot: bool) -> Task | None:
        """Return the node's new child, at work if it has a slot; None if the task is to stop.

        Nodes that come at about the same time share one registration.
        """
        if not await self.job.may_go_on():
            self._give_back(has_slot)
            return None
        has_slot = has_slot or self._try_slot()
        arrival = _Arrival(name, has_slot, asyncio.get_running_loop().create_future())
        self._arrivals.append(arrival)
        async with self._lock:
            if not arrival.child.done():
                await asyncio.sleep(0)
                batch, self._arrivals = self._arrivals, []
                for start in range(0, len(batch), LARGEST_BATCH):
                    await self._register(batch[start : start + LARGEST_BATCH])
                    await asyncio.sleep(0)
        return arrival.child.result()

    async def _register(self, batch: Sequence[_Arrival]) -> None:
        """Write the children of `batch`, and nothing that grows with the nodes before them."""
        step = self._store.task(self._step_id) if self._step_id else self._new_step()
        children = [self._new_child(step, arrival) for arrival in batch]
        parent_id = self._step_id or self._parent_id
        changes: list[Change] = [Edit(Task, parent_id, states.taking_subtasks)]
        if not self._step_id:
            changes += [Put(messages.subtask_started(step)), Put(step)]
        for child in children:
            changes += [Put(child), Put(messages.subtask_started(child))]
        try:
            await self._recorder.write(*changes)
        except Conflict:
            # Told to stop in the very moment: nothing was registered.
            for arrival in batch:
                arrival.child.set_result(None)
                self._give_back(arrival.has_slot)
            return
        except BaseException as error:
            for arrival in batch:
                self._give_back(arrival.has_slot)
                if not arrival.child.done():
                    arrival.child.set_exception(error)
                    arrival.child.exception()
            raise
        self._step_id = step.task_id
        for arrival, child in zip(batch, children, strict=True):
            arrival.child.set_result(child)

    def _new_step(self) -> Task:
        """The record names all nodes that may still come; its end leaves out who did not."""
        parent = self._store.task(self._parent_id)
        names = [name for name in self._expected if name in self._open]
        return records.subtask(parent, self.plan.action, names, status=TaskStatus.RUNNING)

    def _new_child(self, step: Task, arrival: _Arrival) -> Task:
        action = self.plan.action
        if not arrival.has_slot:
            return records.subtask(step, action, [arrival.name])
        return records.subtask(
            step, action, [arrival.name], status=TaskStatus.RUNNING, deadline=self._deadline()
        )

    def _deadline(self) -> Timestamp:
        return moment_after(self.plan.limit, self._not_after)

    def _try_slot(self) -> bool:
        return self._slots.try_take(self._line_id, self.plan.driver, self.job.task_id)

    async def _wait_for_slot(self) -> bool:
        return await self._slots.take(self._line_id, self.plan.driver, self.job.task_id)

    def _give_back(self, has_slot: bool) -> None:
        if has_slot:
            self._slots.give(self._line_id)

    # -- one attempt -----------------------------------------------------------------

    async def _attempt(self, name: str, child: Task, has_slot: bool) -> Outcome:
        was_resumed = child is self._latest.get(name)
        if not has_slot and not await self._wait_for_slot():
            return CUT
        try:
            if child.status is TaskStatus.REQUESTED:
                if not await self.job.may_go_on():
                    return CUT
                deadline = self._deadline()
                start = partial(states.started, now=timestamp(), deadline=deadline)
                await self._recorder.write(Edit(Task, child.task_id, start))
                return await self._work(name, child.task_id, deadline, was_resumed=False)
            return await self._work(
                name, child.task_id, child.deadline or self._deadline(), was_resumed=was_resumed
            )
        finally:
            self._slots.give(self._line_id)

    async def _work(
        self, name: str, child_id: str, deadline: Timestamp, *, was_resumed: bool
    ) -> Outcome:
        run = NodeRun(
            self.job,
            name,
            child_id,
            self._recorder,
            self._parts.settings,
            until=deadline,
            waiting_for=self.plan.waiting_for,
            was_resumed=was_resumed,
        )
        self._parts.at_work[child_id] = run
        try:
            outcome = await self._worked(run)
        finally:
            del self._parts.at_work[child_id]
        return replace(outcome, at_end=tuple(run.at_end))

    async def _worked(self, run: NodeRun) -> Outcome:
        name = run.name
        seconds = run.remaining() + self.plan.margin
        try:
            with logs.bind(node=name), self._parts.shutdown.brief_work(self.plan.is_brief):
                await bounded(
                    self._body(run),
                    seconds,
                    name=f"{self.plan.action} {name}",
                    abandon_after=self._parts.settings.abandon_after,
                )
        except LimitPassed:
            return Outcome(passed=False, text=self._over(run), may_retry=True)
        except Terminated:
            return CUT
        except StepFailed as error:
            return Outcome(passed=False, text=str(error))
        except DrydockError as error:
            return Outcome(passed=False, text=str(error), may_retry=not isinstance(error, HOPELESS))
        except Exception as error:
            log.exception("task %s: %s of %s failed", self.job.task_id, self.plan.action, name)
            return Outcome(passed=False, text=_unexpected(self.plan.action, error), may_retry=True)
        return Outcome(passed=True)

    async def _body(self, run: NodeRun) -> None:
        await self.plan.body(run)

    def _over(self, run: NodeRun) -> str:
        seen = f"last seen: {run.last_seen}" if run.last_seen else "nothing was seen of it"
        waited = f"{run.waiting_for} did not happen within {self.plan.limit:g} s"
        return f"{run.name}: {self.plan.action}: {waited}; {seen}"

    # -- the end ---------------------------------------------------------------------

    async def _record(self, name: str, child: Task, outcome: Outcome) -> Task | None:
        """Record the end of an attempt and, in the same write, the next one if it gets one."""
        said = []
        if outcome.text:
            error = not outcome.was_cut
            said.append(messages.on_node(child.task_id, name, outcome.text, error=error))
        changes = endings.subtask_end(
            child,
            outcome.result(name),
            at_end=outcome.at_end,
            said=said,
            was_cut=outcome.was_cut,
        )
        wants_retry = outcome.may_retry and child.retry < self.plan.retries
        if wants_retry and not self.job.stopping.is_set():
            following = await self._record_and_retry(name, child, changes)
            if following is not None:
                return following
        if not outcome.passed and not outcome.was_cut:
            text = f"Node {name} failed {self.plan.action}: {outcome.text}"
            changes.append(Put(messages.on_node(self.job.task_id, name, text, error=True)))
        await self._recorder.write(*changes)
        return None

    async def _record_and_retry(
        self, name: str, child: Task, changes: Sequence[Change]
    ) -> Task | None:
        """None when the task was told to stop in the meantime: nothing was written then."""
        step = self._store.task(self._step_id)
        following = records.subtask(step, self.plan.action, [name], retry=child.retry + 1)
        more: list[Change] = [
            Edit(Task, self._step_id, partial(_with_retry, retry=following.retry)),
            Put(following),
            Put(messages.subtask_started(following)),
        ]
        if step.retry < following.retry:
            more.append(Put(messages.on_task(self._step_id, messages.RETRYING)))
        try:
            await self._recorder.write(*changes, *more)
        except Conflict:
            return None
        return following

    async def _collect(self) -> None:
        """End the step's own subtask with what its children add up to."""
        store = self._store
        step = store.task(self._step_id)
        if step.status.is_final:
            return
        sum_up, ids = results.Sum(step), store.subtask_ids(self._step_id)
        for start in range(0, len(ids), SLICE):
            sum_up.add([store.task(task_id) for task_id in ids[start : start + SLICE]])
            await asyncio.sleep(0)
        step = store.task(self._step_id)
        result = sum_up.result(self.job.places)
        if step.terminate and result.failures:
            result = results.cut_short(result)
        said = []
        if self.plan.retries and step.retry >= self.plan.retries and result.failures:
            said.append(messages.on_task(self._step_id, messages.EXHAUSTED))
        narrow: list[Change] = []
        if set(step.scope) != sum_up.nodes:
            came = [name for name in self._expected if name in sum_up.nodes]
            narrow.append(Edit(Task, self._step_id, partial(_with_scope, names=came)))
        await self._recorder.write(*narrow, *endings.subtask_end(step, result, said=said))


def _unexpected(action: Action, error: Exception) -> str:
    # Details of a defect go to the log; a message may not carry what a library puts in there.
    return f"{action} failed unexpectedly ({type(error).__name__}); the log has the details"


def _with_scope(step: Task, names: Sequence[str]) -> Task:
    return replace(step, scope=tuple(names))


def _with_retry(step: Task, retry: int) -> Task:
    step = states.taking_subtasks(step)
    return step if step.retry >= retry else replace(step, retry=retry, updated=timestamp())

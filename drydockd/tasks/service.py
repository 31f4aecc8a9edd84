"""Tasks: the one door to this part for handlers, the command line and the composition root."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from drydockd.auth.bootkey import BootKeys
from drydockd.design import nodefilter
from drydockd.errors import Conflict, DriverTransient, InvalidInput, StoreUnavailable, Unavailable
from drydockd.model import Action, Caller, Task, Timestamp, changed, timestamp
from drydockd.render import BootData, Templates
from drydockd.store.base import Change, Edit, Put, Store
from drydockd.tasks.actions import action_kinds
from drydockd.tasks.actions.firstrender import FirstRender
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.schedule.pinning import PinnedDesigns
from drydockd.tasks.schedule.queue import Queue
from drydockd.tasks.schedule.scheduler import Scheduler
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.schedule.wishes import Wishes, ask_below
from drydockd.tasks.shared.authority import ALONE, Authority
from drydockd.tasks.shared.changes import Changes
from drydockd.tasks.shared.identities import Identities
from drydockd.tasks.shared.pinned import Pinned
from drydockd.tasks.shared.places import Place, end_of
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.shared.slots import Slots
from drydockd.tasks.steps.identity import IdentityCheck
from drydockd.tasks.steps.parts import StepParts
from drydockd.tasks.steps.runner import StepRunner
from drydockd.tasks.views.dryrun import dry_run
from drydockd.tasks.views.events import EventStream
from drydockd.tasks.views.failures import failed_nodes
from drydockd.tasks.views.feed import Feed
from drydockd.tasks.views.headway import headway
from drydockd.tasks.views.machines import MachineViews
from drydockd.tasks.views.nodeview import NodeViews
from drydockd.tasks.views.waits import Runner, Waits
from drydockd.tasks.words import records, states
from drydockd.tasks.words.drivers import Drivers
from drydockd.tasks.words.requests import (
    DryRun,
    EventFilter,
    FailedNodes,
    Headway,
    Machines,
    NodeView,
    TaskRequest,
)
from drydockd.tasks.words.settings import TaskSettings

if TYPE_CHECKING:
    from drydockd.design import Designs
    from drydockd.machines import PowerState
    from drydockd.site import Node

log = logging.getLogger(__name__)

# Never of a whole site by leaving something out.
NAMED = {
    Action.DESTROY_NODES: "destroy",
    Action.POWER_OFF_NODES: "power off",
    Action.POWER_CYCLE_NODES: "power cycle",
    Action.ACCEPT_NODES: "accept the hardware of",
}
GATHERING_PER_NAME = 0.0001
LONGEST_GATHERING = 1.0
# So long is waited until another daemon, which has the work, stops a task.
LONGEST_STOPPING = 1.0
# And so long until it is known what others wrote.
LONGEST_LOOK = 5.0


class Tasks:
    """Creates, runs, resumes and tells about tasks; one per daemon, event-loop thread only.

    `deployments`, `pinned` and `boot_data` work from the beginning: what nodes fetch and report;
    so does all that creates, stops and shows tasks. Tasks run from `start` to `drain`, where
    several daemons share the store on one of them: `authority` says so, and until `start` this
    one follows.
    """

    def __init__(
        self,
        store: Store,
        designs: Designs,
        drivers: Drivers,
        bootkeys: BootKeys,
        settings: TaskSettings | None = None,
        *,
        templates: Templates | None = None,
        authority: Authority = ALONE,
        runner: Runner | None = None,
        clock: Callable[[], Timestamp | None] = lambda: None,  # the host's
    ) -> None:
        self.settings = settings = settings or TaskSettings()
        self._store = store
        self._now = clock
        self._designs = designs
        self._drivers = drivers
        self._changes = Changes(store, settings.event_history)
        self._shutdown = Shutdown()
        self.deployments = Deployments(store, bootkeys, self._changes, settings.reports)
        self.pinned = Pinned(store, settings.pins, self.deployments.release_late)
        self.boot_data = BootData(templates, part=self.pinned.part)
        recorder = Recorder(store, authority)
        slots = Slots(settings.fan_out, settings.total_limit, settings.driver_limits)
        self._step_parts = StepParts(recorder, slots, self._shutdown, settings)
        self._verdicts = Verdicts(designs, drivers.node, settings)
        queue = Queue(recorder)
        self._kinds = action_kinds(
            StepRunner(self._step_parts),
            drivers,
            recorder,
            self.deployments,
            FirstRender(designs, self.boot_data, self.pinned, settings.report_url),
            IdentityCheck(Identities(store), store, settings),
            settings,
        )
        self._scheduler = Scheduler(
            recorder,
            queue,
            PinnedDesigns(store, designs, authority),
            self._verdicts,
            self._kinds,
            slots,
            self._shutdown,
            parallel_tasks=settings.parallel_tasks,
        )
        self._waits = Waits(store, queue.waits_for, self._step_parts.at_work, runner)
        self._node_views = NodeViews(
            store,
            drivers.node,
            self.deployments,
            self._waits,
            settings.view_timeout,
        )
        self._machine_views = MachineViews(self._node_views)
        self._wishes = None if authority is ALONE else Wishes(recorder, self._scheduler)
        self._retention: asyncio.Task[None] | None = None

    # -- start and end --------------------------------------------------------------------------

    async def start(self, before: str = "") -> None:
        """Take up the unfinished tasks of an earlier run, or of another daemon `before` this one.

        Returns at once; call it once, where several share the store on the runner.
        """
        self._scheduler.resume(before)
        if self._wishes is not None:
            self._wishes.start()
        if self.settings.retention_days is not None:
            self._retention = asyncio.create_task(self._retain(), name="retention")

    async def drain(self, timeout: float = 30.0) -> None:
        """Stop working. No task is ended or cancelled: each goes on after the next start.

        Brief work, such as a power cycle, gets up to `timeout` seconds to finish.
        """
        if self._retention is not None:
            self._retention.cancel()
        await self._machine_views.close()
        if self._wishes is not None:
            await self._wishes.close()
        await self._scheduler.drain(timeout)
        self._changes.close()

    # -- tasks -------------------------------------------------------------------------

    async def submit(self, request: TaskRequest, caller: Caller) -> Task | DryRun:
        """Create a task: durable when this returns, and begun as soon as its nodes are free.

        A design that cannot be loaded is the task's failure, not the caller's: loading it
        may take minutes. Raises InvalidInput (InvalidFilter) and Unavailable.
        """
        if request.action not in self._kinds:
            raise InvalidInput(f"Unsupported action {request.action}")
        nodefilter.parse(request.node_filter)
        is_unbounded = request.node_filter is None and not request.all_nodes
        if is_unbounded and request.action in NAMED:
            raise InvalidInput(
                f"{request.action} needs a node_filter; to {NAMED[request.action]} every node of "
                'the design say "all_nodes": true'
            )
        if request.dry_run:
            return await dry_run(
                self._kinds[request.action],
                self._designs,
                self._verdicts,
                self._drivers,
                request,
                caller,
            )
        return await self._create(records.top_level(request, caller, now=self._now()))

    async def retry(self, task_id: str, caller: Caller) -> Task:
        """Create a task of the same action for the nodes that failed; both name each other.

        A site-wide task, and one that never came to know its nodes, is repeated as it was.
        The design is loaded anew. Raises NotFound, and Conflict for a subtask, an
        unfinished task and one in which nothing failed.
        """
        await self._know_all()
        task = self._top_level(task_id)
        if not task.status.is_final:
            raise Conflict(f"Task {task_id} is {task.status}; it can be retried when it has ended")
        result = task.result
        if not result.failures and (result.successes or result.status == "success"):
            raise Conflict(f"Task {task_id} has no failed node to retry")
        names = result.failures
        node_filter = nodefilter.by_names(names) if names else task.node_filter
        request = TaskRequest(task.action, task.design_ref or "", node_filter)
        again = records.top_level(request, caller, retry_of=task_id, now=self._now())
        link = partial(_retried, by=again.task_id)
        return await self._create(again, Edit(Task, task_id, link))

    async def terminate(self, task_id: str, caller: Caller) -> Task:
        """Ask a task and its whole tree to stop; asking twice is safe.

        A queued task ends at once; a running one ends when its nodes are between steps.
        Raises NotFound, and Conflict for a subtask and for a task that has ended.
        """
        await self._know_all()
        self._top_level(task_id)
        user, now = caller.user, timestamp()
        if self._wishes is not None:
            return await self._wish(task_id, user, now)
        ask = partial(states.asked_to_stop, user=user, now=now)
        await self._store.write(Edit(Task, task_id, ask))
        log.info("task %s: termination requested by %s", task_id, user)
        task = self._store.task(task_id)
        self._scheduler.stop(task)
        try:
            await ask_below(self._store, self._store.write, task_id, user)
        except StoreUnavailable as error:
            # The wish is kept and the work is told: what is below ends with it, asked or not.
            log.warning("task %s: not all below it were asked to stop: %s", task_id, error)
        return task

    async def _wish(self, task_id: str, user: str | None, now: Timestamp) -> Task:
        """Note that the task shall stop, and give who has the work a moment to do so."""
        wish = partial(states.wished_to_stop, user=user, now=now)
        with self._changes.task(task_id) as changed:
            await self._store.write(Edit(Task, task_id, wish))
            log.info("task %s: termination requested by %s", task_id, user)
            try:
                async with asyncio.timeout(LONGEST_STOPPING):
                    while self._store.task(task_id).status in states.UNSTOPPED:
                        changed.clear()
                        await changed.wait()
            except TimeoutError:
                log.warning("task %s: nobody stopped it yet; who takes the work will", task_id)
        return self._store.task(task_id)

    async def wait(self, task_id: str, seconds: float) -> Task:
        """Return the task when it or its messages change, has ended, or the time is over.

        Of a large task, which changes all the time and takes long to show, changes are
        gathered a little. Bounded by `longest_wait`. Raises NotFound.
        """
        task = self._store.task(task_id)
        if task.status.is_final:
            return task
        with self._changes.task(task_id) as changed:
            try:
                async with asyncio.timeout(min(seconds, self.settings.longest_wait)):
                    await changed.wait()
                    await self._gather(task, changed)
            except TimeoutError:
                pass
        return self._store.task(task_id)

    async def _gather(self, task: Task, changed: asyncio.Event) -> None:
        """Let more changes come, or the end, for a time in proportion to the task's record.

        So a waiter costs the same share of time whatever the size: a task of 3,000 nodes
        makes thousands of changes, and answering each with the whole record is their square.
        """
        names = len(task.scope) + len(self._store.subtask_ids(task.task_id))
        try:
            async with asyncio.timeout(min(LONGEST_GATHERING, names * GATHERING_PER_NAME)):
                while not self._store.task(task.task_id).status.is_final:
                    changed.clear()
                    await changed.wait()
        except TimeoutError:
            return

    def events(self, task_id: str, last_event_id: int | None = None) -> EventStream:
        """Return the live events of the task's whole tree, to be iterated with ``async for``.

        `last_event_id` resumes behind that event. The iterator raises TooSlow when its
        reader falls behind; close it if it is left before its end. Raises NotFound.
        """
        return EventStream(
            self._store,
            self._changes,
            task_id,
            after=last_event_id,
            buffer=self.settings.event_buffer,
        )

    def feed(
        self, wanted: EventFilter, *, after: Place | None = None, until_now: bool = False
    ) -> Feed:
        """Return the events of everything, behind the place `after` or from now on; see Feed."""
        return Feed(self._store, self._changes, wanted, after=after, until_now=until_now)

    def is_ahead(self, place: Place) -> bool:
        """Whether a place lies behind all that is known of the store here."""
        return place > end_of(self._store.origin, self._store.seq)

    def last_step(self, action: Action) -> str:
        """Return the step after which a node is done with the action; empty: it has none."""
        kind = self._kinds.get(action)
        return kind.steps[-1] if kind and kind.steps else ""

    async def headway(self, task: Task) -> Headway:
        """Return how far a top-level task is."""
        return await headway(self._store, self._kinds, task)

    # -- nodes -------------------------------------------------------------------------

    async def node_view(self, host: str) -> NodeView:
        """Return what is known about the node now. Raises NotFound."""
        return await self._node_views.of(host)

    async def machines(self) -> Machines:
        """Return what is known about all nodes, of now or five seconds ago."""
        return await self._machine_views.all()

    def waits(self, task_id: str | None = None) -> dict[str, str]:
        """Return what only the runner knows: what one step, or each, waits for, by its id."""
        return self._waits.told(task_id)

    async def power_of(self, node: Node, seconds: float) -> PowerState:
        """Return what the BMC of a node of a design tells within `seconds`.

        Raises DriverError when it does not tell.
        """
        driver = self._drivers.needed_oob(node)
        try:
            async with asyncio.timeout(seconds):
                return await driver.power_state(node)
        except TimeoutError:
            text = f"Node {node.name}: its BMC did not tell its power within {seconds:g} s"
            raise DriverTransient(text) from None

    async def failed_nodes(self) -> list[FailedNodes]:
        """Return the nodes whose last task failed for them, grouped by cause."""
        return await failed_nodes(self._store)

    # -- inside ------------------------------------------------------------------------

    async def _create(self, task: Task, *together: Change) -> Task:
        if self._shutdown.has_begun:
            raise Unavailable("drydockd is shutting down; try again")
        await self._store.write(Put(task), *together)
        log.info("task %s %s created by %s", task.task_id, task.action, task.created_by)
        # Others may have seen it meanwhile, and ended it.
        task = self._store.task(task.task_id)
        if self._wishes is None and not task.status.is_final:
            self._scheduler.begin(task)
        return task

    async def _know_all(self) -> None:
        """Have reads show what other daemons wrote, before anything is refused for what they show.

        Raises StoreStale.
        """
        if self._wishes is not None:
            await self._store.fresh(LONGEST_LOOK)

    def _top_level(self, task_id: str) -> Task:
        task = self._store.task(task_id)
        if task.parent_task_id is not None:
            root = task
            while root.parent_task_id is not None:
                root = self._store.task(root.parent_task_id)
            raise Conflict(f"Task {task_id} is a subtask of {root.task_id}; use that one")
        return task

    async def _retain(self) -> None:
        """Purge old tasks, now and then every `retention_interval`."""
        while True:
            days = self.settings.retention_days or 0
            before = timestamp(datetime.now(UTC) - timedelta(days=days))
            try:
                purged = await self._store.purge_tasks(before=before)
            except StoreUnavailable as error:
                log.error("retention did not run: %s", error)
            else:
                log.info("retention removed %d tasks older than %d days", purged.tasks, days)
            await asyncio.sleep(self.settings.retention_interval)


def _retried(task: Task, by: str) -> Task:
    return changed(task, retried_by=(*task.retried_by, by))

"""Validations of one reference that arrive together are judged together and end in one write."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial

from drydockd import log as logs
from drydockd.design import Design
from drydockd.model import Caller, Task, timestamp
from drydockd.store.base import Change, Edit, Say
from drydockd.tasks.schedule.pinning import PinnedDesigns
from drydockd.tasks.schedule.verdicts import Verdicts
from drydockd.tasks.shared import endings
from drydockd.tasks.shared.places import IDS_PER_WRITE
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.shared.shutdown import Shutdown
from drydockd.tasks.words import results, states
from drydockd.tasks.words.messages import Verdict

log = logging.getLogger(__name__)

# So many are one group: their write holds the loop up for 2 ms.
MOST = 64
# What a write tells of each beside its messages: that it began, and that it ended.
CHANGES = 2
# So long after a group began the next of its reference does, and grows meanwhile: what a load and
# a sync cost is the same for one as for fifty. Who comes one at a time waits for nobody.
APART_SECONDS = 0.025
# So long a group waits for the one before it. That one is over in a few milliseconds, unless its
# source is slow: then the next asks it at the same time.
GATHER_SECONDS = 0.05

Load = Callable[[], Awaitable[Design]]
# Takes one task to its end by itself, with the design that this gives.
Alone = Callable[[Task, Load], None]


class Validations:
    """Groups new tasks that wait for nothing but the verdict on their design.

    The design is loaded once for a group. Where its verdict is known already, the start, the
    messages and the end of all are one write, or one of as many as have no more changes than have
    ids of their own. Everybody else goes `alone`: all of them if the design cannot be loaded
    or has yet to be judged, and those of a write that one of them refused, as who was
    terminated or purged meanwhile.
    """

    def __init__(
        self,
        recorder: Recorder,
        designs: PinnedDesigns,
        verdicts: Verdicts,
        shutdown: Shutdown,
        alone: Alone,
    ) -> None:
        self._recorder = recorder
        self._designs = designs
        self._verdicts = verdicts
        self._shutdown = shutdown
        self._alone = alone
        # By reference: those that arrived and have not begun, in their order.
        self._arriving: dict[str, list[Task]] = {}
        # By reference: the group whose turn came last, until it is over.
        self._at_work: dict[str, asyncio.Future[None]] = {}

    def join(self, task: Task) -> Coroutine[None, None, None] | None:
        """Add a new task to its group; return what takes the group to its end, if it is new.

        Who arrives before that is started belongs to it.
        """
        ref = task.design_ref or ""
        group = self._arriving.get(ref)
        if group is not None and len(group) < MOST:
            group.append(task)
            return None
        group = self._arriving[ref] = [task]
        return self._to_the_end(ref, group)

    async def _to_the_end(self, ref: str, group: list[Task]) -> None:
        before, loop = self._at_work.get(ref), asyncio.get_running_loop()
        over = self._at_work[ref] = loop.create_future()
        not_before = loop.time()
        try:
            if before is not None:
                await asyncio.wait([before], timeout=GATHER_SECONDS)
            if self._arriving.get(ref) is group:
                del self._arriving[ref]
            if len(group) > 1:
                not_before = loop.time() + APART_SECONDS
            await self._judge(group)
        finally:
            loop.call_at(not_before, self._over, ref, over)

    def _over(self, ref: str, over: asyncio.Future[None]) -> None:
        """Let the group behind begin."""
        over.set_result(None)
        if self._at_work.get(ref) is over:
            del self._at_work[ref]

    async def _judge(self, group: list[Task]) -> None:
        logs.bind_here(**ids(group[0]))
        try:
            design, left = await self._designs.of_all(group)
        except Exception as error:
            self._each_alone(group, partial(_refused, error))
            return
        design = replace(design, content=b"")
        await self._shutdown.hold()
        if self._verdicts.is_at_hand(design):
            await self._end_all(left, design)
        else:
            self._each_alone(left, partial(_loaded, design))

    async def _end_all(self, group: Sequence[Task], design: Design) -> None:
        """End each, by writes that are on their way to the disk together.

        Nothing of one that fails was made. What one of its tasks refused, and what else it may
        be, each of them meets alone, and ends with it.
        """
        parts, failures = [group], list[BaseException | None]()
        try:
            verdict = await self._verdicts.of(design)
            most = max(1, IDS_PER_WRITE // (len(verdict.wording) + CHANGES))
            parts = [group[at : at + most] for at in range(0, len(group), most)]
            ends = [self._end(part, design, verdict) for part in parts]
            failures = await asyncio.gather(*ends, return_exceptions=True)
        except Exception as error:
            failures = [error]
        for part, failure in zip(parts, failures, strict=True):
            if failure is not None:
                log.debug("%d validations go alone: %s", len(part), failure)
                self._each_alone(part, partial(_loaded, design))

    async def _end(self, group: Sequence[Task], design: Design, verdict: Verdict) -> None:
        """Record start, messages and end of each. Raises Conflict, NotFound for any of them."""
        now = timestamp()
        start = partial(states.started, now=now, design=design.digest, scope=())
        before: dict[str, Sequence[Change]] = {
            task.task_id: (Edit(Task, task.task_id, start), Say(task.task_id, verdict.wording))
            for task in group
        }
        result = results.of_validation(has_error=verdict.has_error)
        await endings.end_alike(self._recorder, before, result)
        if log.isEnabledFor(logging.INFO):
            for task in group:
                with logs.bind(**ids(task)):
                    log.info("task %s %s started", task.task_id, task.action)
                    endings.log_end(self._recorder.store.task(task.task_id))

    def _each_alone(self, group: Sequence[Task], load: Load) -> None:
        for task in group:
            self._alone(task, load)


async def _loaded(design: Design) -> Design:
    return design


async def _refused(error: Exception) -> Design:
    raise error


def ids(task: Task) -> dict[str, str]:
    """Return what the lines of a task carry: its own id, and those of who created it."""
    caller = task.caller or Caller(user="")
    return {
        "task": task.task_id,
        "request_id": caller.request_id,
        "user": caller.user,
        "marker": caller.external_marker,
        "end_user": caller.end_user,
    }

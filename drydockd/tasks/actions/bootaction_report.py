"""Waiting for the boot actions of a deployed node: woken by the last report, not by a clock.

Source: contract, bootactions, section 6; orchestration, section 6.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from drydockd.model import Action, BootAction, BootActionStatus, Message
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words import messages
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed, Terminated
from drydockd.tasks.words.times import seconds_until

# The step's own limit stands behind the wait's, which ends with a message per boot action.
MARGIN = 60.0


def plan(deployments: Deployments, recorder: Recorder, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.BOOTACTION_REPORT,
        partial(report, deployments=deployments, recorder=recorder),
        driver="",
        limit=settings.bootaction_final_status,
        waiting_for="the boot actions' final status",
        margin=MARGIN,
    )


async def report(run: NodeRun, deployments: Deployments, recorder: Recorder) -> None:
    """Return if no boot action of the node's current deployment failed or stayed silent."""
    rows = await _awaited(run, deployments)
    said = [message for row in rows if (message := _verdict(run, row)) is not None]
    await recorder.say(*said)
    bad = [m.message for m in said if m.error]
    if bad:
        raise StepFailed(" ".join(bad))


async def _awaited(run: NodeRun, deployments: Deployments) -> Sequence[BootAction]:
    """Return the rows once none is incomplete, or as they are when the time is over."""
    with deployments.changed(run.name) as changed, run.job.woken_by_stop(changed):
        while True:
            changed.clear()
            context = deployments.current(run.name)
            if context is None:
                return []
            rows = deployments.rows(context)
            silent = [row.name for row in rows if row.status is BootActionStatus.INCOMPLETE]
            left = seconds_until(run.until)
            if not silent or left <= 0:
                return rows
            if run.job.stopping.is_set():
                raise Terminated
            run.waiting_for = f"the final status of {', '.join(silent)}"
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue


def _verdict(run: NodeRun, row: BootAction) -> Message | None:
    if row.status is BootActionStatus.UNREPORTED:
        return None
    if row.status is BootActionStatus.INCOMPLETE:
        text, error = f"Boot action {row.name} timed out.", True
    else:
        text = f"Boot action {row.name} completed with status {row.status}"
        error = row.status is BootActionStatus.FAILURE
    return messages.on_node(run.task_id, run.name, text, error=error)

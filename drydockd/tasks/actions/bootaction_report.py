"""Waiting for the boot actions of a deployed node: woken by the last report, not by a clock.

Source: contract, bootactions, section 6; orchestration, section 6.3.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from drydockd.model import Action, BootAction, BootActionStatus
from drydockd.tasks.deployments import Deployments
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words.messages import NEVER_FETCHED, NEVER_REPORTED, UNRENDERED
from drydockd.tasks.words.settings import TaskSettings
from drydockd.tasks.words.stops import StepFailed, Terminated
from drydockd.tasks.words.times import seconds_until

# The step's own limit stands behind the wait's, which ends with a message per boot action.
MARGIN = 60.0


def plan(deployments: Deployments, settings: TaskSettings) -> StepPlan:
    return StepPlan(
        Action.BOOTACTION_REPORT,
        partial(report, deployments=deployments),
        driver="",
        limit=settings.bootaction_final_status,
        waiting_for="the boot actions' final status",
        margin=MARGIN,
    )


async def report(run: NodeRun, deployments: Deployments) -> None:
    """Return if no boot action of the node's current deployment failed or stayed silent.

    A node that cannot have its boot data will not report: the wait ends with the cause.
    """
    rows = await _awaited(run, deployments)
    bad, silent = _failures(run.name, deployments), False
    is_over = bool(bad)
    for row in rows:
        if row.status is BootActionStatus.UNREPORTED:
            continue
        if is_over and row.status is BootActionStatus.INCOMPLETE:
            continue  # nobody waited for it
        text, is_bad = _verdict(row)
        run.conclude(text, error=is_bad)
        if is_bad:
            own = "; ".join(deployments.complaints(row))
            bad.append(f"{text} The node said: {own}" if own else text)
            silent = silent or row.status is BootActionStatus.INCOMPLETE
    if silent:
        bad.append(_silence(run.name, deployments))
    if bad:
        raise StepFailed(" ".join(bad))


def _failures(name: str, deployments: Deployments) -> list[str]:
    """Return why the node cannot have its boot data, if it cannot."""
    context = deployments.current(name)
    failed = context.failed if context is not None else {}
    return [
        f"{name} asked for {UNRENDERED} ({kind}): {text}." for kind, text in sorted(failed.items())
    ]


def _silence(name: str, deployments: Deployments) -> str:
    """Return how far the node came that did not report: it never asked, or it asked."""
    context = deployments.current(name)
    if context is None or not context.delivered:
        return f"{name} {NEVER_FETCHED}."
    fetched = ", ".join(f"{kind} at {at}" for kind, at in sorted(context.delivered.items()))
    return f"{name} fetched its boot data ({fetched}) and {NEVER_REPORTED}."


async def _awaited(run: NodeRun, deployments: Deployments) -> Sequence[BootAction]:
    """Return the rows once none is incomplete, or as they are when there is no use in waiting."""
    with deployments.changed(run.name) as changed, run.job.woken_by_stop(changed):
        while True:
            changed.clear()
            context = deployments.current(run.name)
            if context is None:
                return []
            rows = deployments.rows(context)
            silent = [row.name for row in rows if row.status is BootActionStatus.INCOMPLETE]
            left = seconds_until(run.until)
            if not silent or left <= 0 or context.failed:
                return rows
            if run.job.stopping.is_set():
                raise Terminated
            run.waiting_for = f"the final status of {', '.join(silent)}"
            try:
                async with asyncio.timeout(left):
                    await changed.wait()
            except TimeoutError:
                continue


def _verdict(row: BootAction) -> tuple[str, bool]:
    """Return what is said of a reporting boot action, and whether it is an error."""
    if row.status is BootActionStatus.INCOMPLETE:
        return f"Boot action {row.name} timed out.", True
    text = f"Boot action {row.name} completed with status {row.status}"
    return text, row.status is BootActionStatus.FAILURE

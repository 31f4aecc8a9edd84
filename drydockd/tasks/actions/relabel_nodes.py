"""relabel_nodes: a node's effective owner data become its Kubernetes labels.

Source: contract, kubernetes, sections 1 and 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from drydockd.errors import DriverTransient, InvalidDesign
from drydockd.model import Action, Result
from drydockd.tasks.steps.job import Job, NoDriver
from drydockd.tasks.steps.noderun import NodeRun
from drydockd.tasks.steps.pipeline import pipeline
from drydockd.tasks.steps.step import StepPlan
from drydockd.tasks.words import messages

STEPS = (Action.RELABEL_NODE,)

NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?", re.ASCII)
PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*", re.ASCII)
NAME_LENGTH = 63
PREFIX_LENGTH = 253
FIRST_PAUSE = 1.0


async def run(job: Job) -> Result:
    if not job.scope:
        return await job.nothing_to_do(messages.NO_NODES_RELABEL)
    if job.core.drivers.kubernetes is None:
        raise NoDriver("Kubernetes")
    plan = StepPlan(
        Action.RELABEL_NODE,
        relabel,
        driver="kubernetes",
        limit=job.settings.relabel_node,
        waiting_for="Kubernetes to take the labels",
        is_brief=True,
    )
    return job.outcome(await pipeline(job, [plan], job.scope))


async def relabel(run: NodeRun) -> None:
    """Raises InvalidDesign for labels Kubernetes would refuse."""
    labels = run.node.owner_data
    if not labels:
        await run.say(f"{run.name}: no owner data, its labels are left as they are")
        return
    check_labels(run.name, labels)
    driver = run.job.core.drivers.kubernetes
    if driver is None:
        raise NoDriver("Kubernetes")
    shown = ", ".join(f"{key}={value}" for key, value in labels.items())
    await run.say(f"{run.name}: labels {shown}")
    pause = FIRST_PAUSE
    for attempt in range(run.job.settings.relabel_retries + 1):
        try:
            await driver.relabel(run.name, labels)
            return
        except DriverTransient as error:
            if attempt == run.job.settings.relabel_retries:
                raise
            await run.say(f"{run.name}: {error}; trying again")
        await run.pause(min(pause, run.job.settings.poll_interval))
        pause *= 2


def check_labels(node: str, labels: Mapping[str, str]) -> None:
    """Raise InvalidDesign for a key or value that breaks the syntax of Kubernetes."""
    for key, value in labels.items():
        prefix, slash, name = key.rpartition("/")
        if len(name) > NAME_LENGTH or not NAME.fullmatch(name):
            raise InvalidDesign(f"node {node}: owner data {key!r} is no label key")
        if slash and (len(prefix) > PREFIX_LENGTH or not PREFIX.fullmatch(prefix)):
            raise InvalidDesign(f"node {node}: owner data {key!r} has no valid prefix")
        if value and (len(value) > NAME_LENGTH or not NAME.fullmatch(value)):
            raise InvalidDesign(f"node {node}: owner data {key}: {value!r} is no label value")

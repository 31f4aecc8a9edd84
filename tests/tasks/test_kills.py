"""The real thing: a daemon process killed with SIGKILL while machines of another process deploy."""

import pytest

from bench.resume import complaints, once, survive

pytestmark = pytest.mark.process


def at_once(machines):
    return True


def begun(count):
    """`count` machines have been told to deploy."""
    return lambda machines: sum(m["counters"]["deployments"] > 0 for m in machines) >= count


def deployed(count):
    return lambda machines: sum(m["state"] == "deployed" for m in machines) >= count


POINTS = (
    at_once,  # the task is stored, and nothing of it has happened
    begun(1),
    at_once,  # killed while it takes up what it was doing
    begun(4),
    deployed(2),
    deployed(4),  # only reports and the verdict are left
)


async def test_a_deployment_survives_a_kill_at_every_stage(tmp_path):
    outcome = await survive(
        tmp_path, nodes=4, actions=2, moments=map(once, POINTS), deploy=(0.5, 3.0), seed=7
    )

    assert complaints(outcome, nodes=4, actions=2) == []
    assert outcome.kills

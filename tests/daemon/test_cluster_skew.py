"""The clock of one of several daemons is wrong: the others see nothing of it; it runs nothing."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise

import pytest

from tests.daemon.cluster import apart, runner_of
from tests.peers.faketime import WrongClock
from tests.tasks.helpers import site_text

pytestmark = [
    *(pytest.mark.process, pytest.mark.slow),
    *(pytest.mark.peer("postgres"), pytest.mark.peer("faketime")),
]

# The lease ran out, and the daemon beat twice since (LEASE / 4), so it could have taken it.
COULD = """
SELECT m.beat > l.until + interval '1 s' FROM drydock.member m, drydock.lease l WHERE m.name = 'd2'
"""


@pytest.fixture
def clock(tmp_path):
    return WrongClock(tmp_path, 600)


@pytest.fixture
async def fleet(tmp_path, postgres, clock, monkeypatch):
    """The daemon d1, and d2 whose clock is ten minutes fast."""
    slow = {"latencies": {"deploy": [2, 3]}, "initial": "ready"}
    async with apart(tmp_path, postgres, 1, room=slow) as daemons:
        assert await daemons.runner() == "d1"
        with monkeypatch.context() as patch:
            for name, value in clock.environment.items():
                patch.setenv(name, value)
            wrong = await daemons.start("d2")
        yield daemons
        await daemons.close()
        clock.tidy(wrong.process.pid)


@pytest.fixture
def site(tmp_path):
    file = tmp_path / "site.yaml"
    file.write_text(site_text(1, bootactions=False))
    return file.as_uri()


async def asked(daemon, path):
    async with daemon.client() as client:
        return await client.get(path)


async def made(daemon, action, site):
    body = {"action": action, "design_ref": site, "all_nodes": True}
    async with daemon.client() as client:
        return (await client.post("/tasks", json=body)).raise_for_status().json()


def began(task):
    """When the first step of a task was begun."""
    said = task["result"]["details"]["messageList"]
    return next(one["ts"] for one in said if one["message"].startswith("Started subtask"))


async def test_tasks_go_by_arrival_and_have_the_databases_time(fleet, clock, site):
    right, wrong = fleet.daemons["d1"], fleet.daemons["d2"]
    tasks = [await made(wrong, "deploy_nodes", site), await made(wrong, "verify_nodes", site)]
    clock.set(595)  # set back by five seconds, which is more than the two are apart
    tasks.append(await made(wrong, "verify_nodes", site))
    now = datetime.now(UTC)
    for task in tasks:
        assert abs((datetime.fromisoformat(task["created"]) - now).total_seconds()) < 300
    ended = [await fleet.ended(right, task["task_id"]) for task in tasks]
    assert [task["result"]["status"] for task in ended] == ["success"] * 3
    for task, following in pairwise(ended):  # they want the same node
        assert task["updated"] <= began(following)


async def test_it_is_not_ready_and_runs_no_tasks_until_its_clock_is_right(fleet, clock, postgres):
    right, wrong = fleet.daemons["d1"], fleet.daemons["d2"]
    assert (await asked(right, "/health")).status_code < 300
    assert (await asked(wrong, "/health")).status_code == 503
    said = (await asked(wrong, "/health/extended")).text
    assert "ahead of the database's" in said
    await fleet.kill("d1")
    await asyncio.to_thread(postgres.server.until, COULD, "t", postgres.name)
    assert await runner_of(postgres) == ""
    clock.set(0)
    assert await fleet.runner() == "d2"
    assert (await asked(wrong, "/health")).status_code < 300

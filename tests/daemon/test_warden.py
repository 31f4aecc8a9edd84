"""The daemon that has the work stands still for longer than its lease: it never goes on."""

import asyncio
import signal

import pytest

from tests.daemon.cluster import apart
from tests.daemon.test_cluster import deploying
from tests.tasks.helpers import site_text

pytestmark = [pytest.mark.process, pytest.mark.peer("postgres")]


async def test_a_stopped_runner_is_killed_and_its_task_goes_on_elsewhere(tmp_path, postgres):
    site = tmp_path / "site.yaml"
    site.write_text(site_text(2, bootactions=False))
    slow = {"latencies": {"deploy": [2, 3]}, "initial": "ready"}
    async with apart(tmp_path, postgres, 2, room=slow) as fleet:
        runner = await fleet.runner()
        follower = next(daemon for name, daemon in fleet.daemons.items() if name != runner)
        body = {"action": "deploy_nodes", "design_ref": site.as_uri(), "all_nodes": True}
        async with follower.client() as client:
            task_id = (await client.post("/tasks", json=body)).raise_for_status().json()["task_id"]
        await deploying(fleet)
        process = fleet.daemons[runner].process

        process.send_signal(signal.SIGSTOP)

        # Stopped, it could not end by itself, and nobody sends it anything more.
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(process.wait) == -signal.SIGKILL
        task = await fleet.ended(follower, task_id)
        assert task["result"]["status"] == "success", task
        counters = [machine["counters"]["deployments"] for machine in await fleet.room.machines()]
        assert counters == [1, 1]

"""Several daemons on one database: any of them may be asked, any of them may die."""

import asyncio

import pytest

from tests.daemon.cluster import apart, here
from tests.handlers.helpers import V1
from tests.tasks.helpers import site_text

pytestmark = pytest.mark.peer("postgres")


async def test_what_one_daemon_takes_another_one_does(tmp_path, postgres):
    async with here(tmp_path, postgres, 2) as cluster:
        [follower] = await cluster.followers()
        runner = await cluster.runner()
        ended = await follower.task(action="verify_nodes", node_filter=None)
        assert (ended["status"], ended["result"]["status"]) == ("complete", "success")
        assert follower.app.services.tasks._scheduler._running == {}
        shown = (await runner.get(f"{V1}/tasks/{ended['task_id']}")).json()
        assert shown["result"] == ended["result"]


@pytest.mark.process
async def test_the_runner_is_killed_and_another_daemon_goes_on(tmp_path, postgres):
    """Each machine is deployed once, and the task's messages say who took it over."""
    site = tmp_path / "site.yaml"
    site.write_text(site_text(4, bootactions=False))
    slow = {"latencies": {"deploy": [2, 3]}, "initial": "ready"}
    async with apart(tmp_path, postgres, 3, room=slow) as fleet:
        runner = await fleet.runner()
        follower = next(daemon for name, daemon in fleet.daemons.items() if name != runner)
        body = {"action": "deploy_nodes", "design_ref": site.as_uri(), "all_nodes": True}
        async with follower.client() as client:
            made = await client.post("/tasks", json=body)
        task_id = made.raise_for_status().json()["task_id"]
        await deploying(fleet)

        await fleet.kill(runner)

        task = await fleet.ended(follower, task_id)
        assert task["result"]["status"] == "success", task
        said = [one["message"] for one in task["result"]["details"]["messageList"]]
        assert [text for text in said if text.startswith(f"Taken over from {runner} after")], said
        counters = [machine["counters"]["deployments"] for machine in await fleet.room.machines()]
        assert counters == [1, 1, 1, 1]
        assert await fleet.runner() != runner


async def deploying(fleet):
    """Return when a machine in the room is being deployed."""
    async with asyncio.timeout(60):
        while not [m for m in await fleet.room.machines() if m["state"] == "deploying"]:
            await fleet.room.changed()

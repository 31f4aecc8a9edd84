"""The real thing: a daemon process killed with SIGKILL while machines of another process work."""

import asyncio

import pytest

from bench.daemon import free_port, running
from bench.resume import ENDED, Scene, complaints, once, shown, survive
from bench.roomprocess import room_process
from bench.storm import site
from tests.tasks.actions.test_firstrender import located
from tests.tasks.artefacts import artefacts

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


def told_to_go(wanted, *, from_power):
    """A machine was told to go `wanted` and has not done so yet."""
    return lambda machines: any(
        (m["power"], m["power_wanted"]) == (from_power, wanted) for m in machines
    )


def is_off(machines):
    return any((m["power"], m["power_wanted"]) == ("off", "off") for m in machines)


HALVES = (
    at_once,
    told_to_go("off", from_power="on"),
    is_off,
    told_to_go("on", from_power="off"),
)


@pytest.mark.parametrize("action", ["prepare_nodes", "power_cycle_nodes"])
async def test_the_power_is_cut_once_by_a_daemon_killed_in_each_half_of_the_cycle(tmp_path, action):
    nodes, port, task_id, kills = 2, free_port(), "", 0
    design = tmp_path / "site.yaml"
    design.write_text(site(nodes, 1), encoding="utf-8")
    machines = [{"name": f"n{n:04d}", "power": "on"} for n in range(nodes)]
    config = {"machines": machines, "latencies": {"power": 0.7}}
    body = {"action": action, "design_ref": f"file://{design}", "all_nodes": True}
    async with room_process(tmp_path, config) as room:
        options = {"fake_driver": {"url": room.url}}
        for half in map(once, HALVES):
            async with running(tmp_path, port=port, **options) as daemon:
                if not task_id:
                    async with daemon.client() as client:
                        task_id = (await client.post("/tasks", json=body)).json()["task_id"]
                await half(Scene(daemon, room, task_id))
                daemon.process.kill()
                await asyncio.to_thread(daemon.process.wait)
                kills += 1
        async with running(tmp_path, port=port, **options) as daemon:
            while (task := await shown(daemon, task_id, wait=30))["status"] not in ENDED:
                pass
        found = await room.machines()

    assert kills == len(HALVES)
    assert task["result"]["status"] == "success", task["result"]
    assert [m["counters"]["power_cuts"] for m in found] == [1, 1]
    assert [m["power"] for m in found] == ["on", "on"]


def asked(server):
    """The artefact server has been asked, and nothing more is known."""

    async def moment(scene):
        while not server.asked and not await scene.has_ended():
            await scene.room.changed()

    return moment


async def test_what_a_killed_daemon_fetched_is_neither_lost_nor_there_twice(tmp_path):
    """Killed between fetch and record, and later; at the first boots the source is away."""
    nodes, port, task_id = 3, free_port(), ""
    content = bytes(range(256)) * 4096
    async with artefacts(tool=content) as server:
        action = located(f"{server.url}/tool")
        design = tmp_path / "site.yaml"
        design.write_text(site(nodes, 1) + "---\n" + action, encoding="utf-8")
        config = {"latencies": {"deploy": 2.0}, "initial": "ready"}
        body = {"action": "deploy_nodes", "design_ref": f"file://{design}"}
        async with room_process(tmp_path, config) as room:
            options = {
                "fake_driver": {"url": room.url},
                "network": {"allowed_roots": [str(tmp_path)], "allowed_hosts": ["127.0.0.1"]},
            }
            moments = [asked(server), once(begun(1)), once(begun(3)), once(deployed(1))]
            for moment in moments:
                async with running(tmp_path, port=port, **options) as daemon:
                    if not task_id:
                        async with daemon.client() as client:
                            task_id = (await client.post("/tasks", json=body)).json()["task_id"]
                    await moment(Scene(daemon, room, task_id))
                    daemon.process.kill()
                    await asyncio.to_thread(daemon.process.wait)
            await server.leave()
            async with running(tmp_path, port=port, **options) as daemon:
                while (task := await shown(daemon, task_id, wait=30))["status"] not in ENDED:
                    pass
            found = await room.machines()

    assert task["result"]["status"] == "success", task["result"]
    assert [m["counters"]["deployments"] for m in found] == [1] * nodes
    assert server.asked["/tool"] <= 2  # once more by the daemon whose first answer was lost
    files = [path.read_bytes() for path in (tmp_path / "nodes").rglob("opt/located")]
    assert files == [content] * nodes
    assert (
        len(list((tmp_path / "state" / "blobs").iterdir())) == 2
    )  # the design; of four equal parts one

"""Several daemons on one database: any of them may be asked, any of them may die."""

import asyncio
import os

import pytest

from drydockd import app
from drydockd.cluster.peers import HEADER, WAITS, Seal
from drydockd.errors import StoreRefused
from tests.daemon.cluster import apart, here, sections, state_of
from tests.handlers.helpers import QUICK, V1, settings
from tests.tasks.helpers import site_text

pytestmark = pytest.mark.peer("postgres")


# Their deployments wait for the word of machines that never boot.
READY = {"initial": "ready"}
DEPLOY = {"action": "deploy_nodes", "all_nodes": True}


@pytest.fixture
def ref(tmp_path):
    """A design of two nodes that every daemon of the test may read."""
    (tmp_path / "site.yaml").write_text(site_text(2))
    return (tmp_path / "site.yaml").as_uri()


def several(tmp_path, postgres, count=2, config=None, **sections):
    fake = {"fake_driver": {"config": {**QUICK, **(config or {})}}}
    network = {"allowed_roots": (str(tmp_path),), "http_client_retries": 1}
    return here(tmp_path, postgres, count, network=network, **fake, **sections)


async def until(daemon, path, test):
    """Ask a daemon again and again until what it shows passes `test`; return that."""
    async with asyncio.timeout(60):
        while not test(shown := (await daemon.get(path)).json()):
            pass  # each look takes a moment of its own
    return shown


async def test_what_one_daemon_takes_another_one_does(tmp_path, postgres, ref):
    async with several(tmp_path, postgres) as cluster:
        [follower] = await cluster.followers()
        runner = await cluster.runner()
        ended = await follower.task(action="prepare_nodes", design_ref=ref, all_nodes=True)
        assert (ended["status"], ended["result"]["status"]) == ("complete", "success")
        assert follower.app.services.tasks._scheduler._running == {}
        shown = (await runner.get(f"{V1}/tasks/{ended['task_id']}")).json()
        assert shown["result"] == ended["result"]


async def test_any_daemon_shows_stops_and_repeats_what_another_one_does(tmp_path, postgres, ref):
    async with several(tmp_path, postgres, config=READY) as cluster:
        [follower], runner = await cluster.followers(), await cluster.runner()
        made = (await follower.post(f"{V1}/tasks", {"design_ref": ref, **DEPLOY})).json()
        task_id, node = made["task_id"], f"{V1}/nodes/n1"

        def is_hanging(view):
            return view.get("waiting_for") == "the final status of hello"

        mine = await until(runner, node, is_hanging)
        its = await until(follower, node, is_hanging)
        assert its["step"] == mine["step"]

        stopping = (await follower.post(f"{V1}/tasks/{task_id}/terminate")).json()
        assert stopping["status"] in ("terminating", "terminated")
        ended = await follower.ended(task_id)
        assert (ended["status"], ended["terminated_by"]) == ("terminated", "joe")

        again = await follower.post(f"{V1}/tasks/{task_id}/retry")
        assert again.status_code == 201, again.text
        retried = again.json()["task_id"]
        assert (await until(runner, node, is_hanging))["task_id"] == retried
        await runner.post(f"{V1}/tasks/{retried}/terminate")
        assert (await follower.ended(retried))["status"] == "terminated"

        purged = await follower.app.services.store.purge_tasks(before="9")
        assert purged.tasks > 2
        await runner.app.services.store.fresh(20)
        assert runner.app.services.store.tasks() == []


async def test_nodes_heard_of_by_one_daemon_were_heard_of(tmp_path, postgres):
    async with several(tmp_path, postgres) as cluster:
        first, second = cluster.daemons.values()
        contacts = first.app.services.tasks.deployments.contacts
        contacts.note("n1")
        await first.app.services.cluster.tell_contacts()
        await second.app.services.store.fresh(20)
        heard = second.app.services.tasks.deployments.contacts.of("n1")
        assert heard == contacts.of("n1") != ""


async def test_what_daemons_ask_each_other_is_for_nobody_else(tmp_path, postgres):
    async with several(tmp_path, postgres, 1) as cluster:
        runner = await cluster.runner()
        for headers in ({}, {HEADER: Seal(b"x" * 32).of(WAITS)}, runner.admin):
            answer = await runner.http.get(WAITS, headers=headers)
            assert answer.status_code == 404
        secret = bytes.fromhex((tmp_path / "secret").read_text())
        answer = await runner.http.get(WAITS, headers={HEADER: Seal(secret).of(WAITS)})
        assert answer.json() == {"waits": {}}
        assert WAITS not in (await runner.get(f"{V1}/openapi.json")).text


async def test_a_daemon_that_stops_gives_the_work_away_and_tasks_go_on(tmp_path, postgres, ref):
    # Nobody could wait for the end of this lease.
    lease = {"lease_seconds": 60}
    async with several(tmp_path, postgres, 1, config=READY, cluster=lease) as cluster:
        first = await cluster.runner()
        second = await cluster.start("d2")
        made = (await second.post(f"{V1}/tasks", {"design_ref": ref, **DEPLOY})).json()
        await until(first, f"{V1}/nodes/n1", lambda view: view.get("step"))

        await cluster.stop("d1")

        assert await cluster.runner() is second
        said = f"{V1}/tasks/{made['task_id']}"
        task = await until(second, said, lambda task: "Taken over from d1" in str(task["result"]))
        assert task["status"] == "running"
        await second.post(f"{said}/terminate")
        await second.ended(made["task_id"])


async def test_a_daemon_with_another_secret_is_refused_by_the_name_of_its_file(tmp_path, postgres):
    async with several(tmp_path, postgres, 1) as cluster:
        await cluster.runner()
        other = state_of(tmp_path, "other") / "secret"
        other.write_text("b" * 64)
        chosen = settings(other.parent, **sections(postgres, "other"))
        with pytest.raises(StoreRefused, match=f"another secret.*{other}"):
            await app.start(chosen, base=other.parent)


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (
            "UPDATE drydock.lease SET epoch = epoch + 1, until = clock_timestamp() + '1 h'",
            "runs the tasks now",
        ),
        (
            "UPDATE drydock.head SET chain = '\\x00';"
            " SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            "lost writes that were acknowledged",
        ),
    ],
    ids=["lease", "history"],
)
async def test_a_daemon_that_must_not_go_on_says_why(tmp_path, postgres, what, why):
    async with several(tmp_path, postgres, 1, cluster={"lease_seconds": 8}) as cluster:
        runner = await cluster.runner()
        await runner.task(action="validate_design")
        await asyncio.to_thread(postgres.run, what)
        async with asyncio.timeout(60):
            assert why in await runner.app.over


async def test_what_is_set_otherwise_elsewhere_is_told(tmp_path, postgres):
    async with several(tmp_path, postgres, 1) as cluster:
        await cluster.runner()
        cluster.sections["limits"] = {"fan_out": 7}
        second = await cluster.start("d2")
        members = second.app.services.cluster
        async with asyncio.timeout(120):
            while not (told := members.differences()):
                await members.waits(None)
        assert told[0].startswith("the daemons d2 and d1 differ in limits: ")


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


@pytest.mark.process
async def test_a_daemon_that_loses_the_lease_ends_to_be_started_anew(tmp_path, postgres):
    async with apart(tmp_path, postgres, 1) as fleet:
        assert await fleet.runner() == "d1"
        other = "UPDATE drydock.lease SET epoch = epoch + 1, until = clock_timestamp() + '1 hour'"
        await asyncio.to_thread(postgres.run, other)
        process = fleet.daemons["d1"].process
        async with asyncio.timeout(60):
            assert await asyncio.to_thread(process.wait) == os.EX_TEMPFAIL
        assert "this process ends, to be started anew" in fleet.log("d1")


@pytest.mark.process
async def test_a_daemon_that_is_told_to_stop_ends_well_and_another_goes_on(tmp_path, postgres):
    async with apart(tmp_path, postgres, 2) as fleet:
        runner = await fleet.runner()
        assert await fleet.stop(runner) == 0
        assert await fleet.runner() != runner

"""A site that moved over: the nodes of the original go on with what they have."""

import asyncio
import io
import json
import os
import subprocess
import sys
import tarfile

import httpx
import pytest

from drydockd.store.tiny import open_tiny
from tests.daemon.helpers import REPOSITORY, SITE, started
from tests.migrate.original import site

pytestmark = pytest.mark.process

NODE = "a01-control"
KEY = bytes(range(100, 132))
ACTIONS = ("first-boot", "welcome", "join-control")


def migrating(folder, url):
    (folder / "drydock.conf").write_text("[DEFAULT]\npoll_interval = 5\n")
    arguments = ("--from-conf", folder / "drydock.conf", "--output", folder / "converted.yaml")
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "drydockd.cli", "migrate", *map(str, arguments)),
            *("--state-dir", str(folder / "state")),
        ],
        cwd=REPOSITORY,
        env={**os.environ, "DRYDOCK_DB_URL": url},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def migrated(folder, url):
    with migrating(folder, url) as process:
        said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    return said


async def deploying(some):
    """A node that is up, and has not reported yet; its task waits for that."""
    filters = {"filter_set_type": "intersection", "filter_set": [{"node_names": [NODE]}]}
    more = {"design_ref": SITE.as_uri(), "result_status": "incomplete", "status": "running"}
    top = await some.task("deploy_nodes", node_filter=json.dumps(filters), **more)
    step = await some.task("deploy_node", top, **more)
    task_id = await some.task("deploy_node", step, design_ref=SITE.as_uri())
    await some.message(task_id, f"Node {NODE} deployed.")
    await some.context(NODE, task_id, KEY)
    actions = {
        name: await some.action(
            NODE,
            task_id,
            KEY,
            action_name=name,
            action_status="unreported" if name == "welcome" else "incomplete",
        )
        for name in ACTIONS
    }
    await some.data(NODE, task_id, "<list>what lshw said</list>")
    return top, task_id, actions


def test_a_node_of_the_original_fetches_and_reports_with_its_old_key_and_its_data_stay(
    tmp_path, postgres
):
    async def fill():
        async with site(postgres) as some:
            return await deploying(some)

    # Given a site of the original, and drydockd on what was taken over of it
    top, task_id, actions = asyncio.run(fill())
    assert "done" in migrated(tmp_path, postgres.url)
    with started(tmp_path) as drydockd:
        api = f"{drydockd.ready()}/api/v1.0"
        # When the node does what the original's commands have it do
        header = {"X-Bootaction-Key": KEY.hex()}
        fetched = ""
        for kind in ("units", "files"):
            answer = httpx.get(f"{api}/bootactions/nodes/{NODE}/{kind}", headers=header, timeout=20)
            assert answer.status_code == 200, answer.text
            with tarfile.open(fileobj=io.BytesIO(answer.content)) as tar:
                fetched += "".join(tar.extractfile(m).read().decode() for m in tar)
        assert f"BOOTACTION_ID={actions['first-boot']}\nBOOTACTION_KEY={KEY.hex()}\n" in fetched
        body = {"status": "success", "details": [{"message": "all is well", "error": False}]}
        url = f"{api}/bootaction/{actions['first-boot']}/"
        wrong = httpx.post(url, json=body, headers={"X-Bootaction-Key": "00" * 32}, timeout=20)
        right = httpx.post(url, json=body, headers=header, timeout=20)
        again = httpx.post(url, json=body, headers=header, timeout=20)
        # Then it is heard, once
        assert (wrong.status_code, right.status_code, again.status_code) == (403, 200, 409)
        assert right.json()["action_status"] == "success"
        step = drydockd.get(f"{api}/tasks/{task_id}").json()
        said = [message["message"] for message in step["result"]["details"]["messageList"]]
        assert said[0] == f"Node {NODE} deployed."
        assert "all is well" in said
        # ... its build data are there, and the task that waited for it is not taken up.
        (data,) = drydockd.get(f"{api}/nodes/{NODE}/builddata").json()
        assert data["data_element"] == "<list>what lshw said</list>"
        ended = drydockd.get(f"{api}/tasks/{top}").json()
        assert (ended["status"], ended["result"]["status"]) == ("complete", "failure")
        assert KEY.hex() not in drydockd.log
    # Whoever moves once more finds that everything is there.
    assert "done" in migrated(tmp_path, postgres.url)


@pytest.mark.slow
def test_killed_in_the_midst_and_begun_again_it_is_as_if_nothing_had_happened(tmp_path, postgres):
    async def cut_off():
        async with site(postgres) as some:
            await deploying(some)
            for number in range(40):
                await some.message(await some.task(), f"message {number}")
            # Given a migration that has tasks and keys, and waits for the build data
            lock = some.connection.transaction()
            await lock.start()
            await some.connection.execute("LOCK TABLE build_data IN ACCESS EXCLUSIVE MODE")
            process = migrating(tmp_path, postgres.url)
            waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            while not await some.connection.fetchval(waiting):
                assert process.poll() is None, process.stdout.read()
            # When it is killed there
            process.kill()
            process.communicate()
            await lock.rollback()

    asyncio.run(cut_off())
    migrated(tmp_path, postgres.url)
    unbroken = tmp_path / "unbroken"
    unbroken.mkdir()
    migrated(unbroken, postgres.url)
    # Then all is there that would have been, but for the moment at which it began.
    assert records(tmp_path / "state") == records(unbroken / "state")


def records(state):
    async def read():
        store = await open_tiny(state)
        tables = store._tables
        began = store.driver_record("migrate/original").document["began"]
        rows = {name: sorted(map(repr, rows.values())) for name, rows in tables.rows.items()}
        said = {task_id: list(map(repr, store.messages(task_id))) for task_id in tables.logs}
        await store.close()
        return json.dumps([rows, said], sort_keys=True).replace(began, "THEN")

    return asyncio.run(read())

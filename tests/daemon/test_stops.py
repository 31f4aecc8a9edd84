"""The daemon that runs a task is stopped (SIGSTOP) amid it, and continued behind the other's work.

A bounded sample, with real processes and a real PostgreSQL, of what tests/tasks/test_stops.py does
at every await.
"""

import asyncio
import signal
from collections import Counter

import pytest

from bench.resume import messages, shown
from tests.daemon.cluster import apart
from tests.daemon.selfstopping import counted, order
from tests.tasks.helpers import site_text
from tests.tasks.telling import IDS, NOTES, PROGRESS

pytestmark = [
    *(pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")),
    pytest.mark.xdist_group("stops"),  # long: other tests of PostgreSQL need not wait for it
]

STATES = {
    "power_cycle_nodes": {"power": "on"},
    "deploy_nodes": {"state": "ready"},
    "destroy_nodes": {"state": "deployed"},
}
# Each on a node of its own: of the suspensions of an undisturbed run this share, and whether a
# warden watches. n1 and n2 are for runs that nobody disturbs.
STOPS = {"n3": (0.35, True), "n4": (0.65, False)}
NAMES = ("n1", "n2", *STOPS)


async def begin(daemon, site, action, name):
    body = {"action": action, "design_ref": site.as_uri()}
    filters = [{"filter_type": "union", "node_names": [name]}]
    body["node_filter"] = {"filter_set_type": "union", "filter_set": filters}
    async with daemon.client() as client:
        made = await client.post("/tasks", json=body)
        return made.raise_for_status().json()["task_id"]


async def said(daemon, task_id):
    """All that was said in a tree, without ids and names; what only a follower says left out."""
    tree = await shown(daemon, task_id, layers=-1)
    texts = [text for one in tree.values() if isinstance(one, dict) for text, _ in messages(one)]
    plain = (IDS.sub("...", text) for text in texts)
    for name in NAMES:
        plain = [text.replace(name, "node") for text in plain]
    return Counter(text for text in plain if not any(note in text for note in NOTES))


async def machine(fleet, name):
    [found] = [one for one in await fleet.room.machines() if one["name"] == name]
    return found


def alike(machine):
    return {
        key: machine[key] for key in ("state", "power", "power_wanted", "next_boot", "counters")
    }


@pytest.mark.parametrize("action", STATES)
async def test_a_stopped_daemon_ends_and_what_it_did_is_done_once(action, tmp_path, postgres):
    site = tmp_path / "site.yaml"
    site.write_text(site_text(len(NAMES), bootactions=False))
    room = {"machines": [{"name": name} | STATES[action] for name in NAMES]}
    started = apart(tmp_path, postgres, 2, room=room, module="tests.daemon.selfstopping")
    async with started as fleet:
        for name in ("n1", "n2"):
            # The first one also learns what the second one knows.
            runner = fleet.daemons[await fleet.runner()]
            task_id = await begin(runner, site, action, name)
            assert (await fleet.ended(runner, task_id))["result"]["status"] == "success"
        undisturbed = await said(runner, task_id)
        wanted = alike(await machine(fleet, "n2"))
        steps = counted(tmp_path)
        assert steps > 10

        for name, (share, is_watched) in STOPS.items():
            stopping = await fleet.runner()
            follower = next(one for it, one in fleet.daemons.items() if it != stopping)
            process = fleet.daemons[stopping].process
            order(tmp_path, at=int(share * steps), warden=is_watched)
            task_id = await begin(follower, site, action, name)

            task = await fleet.ended(follower, task_id)

            assert task["result"]["status"] == "success", task
            assert await fleet.runner() != stopping
            found = await machine(fleet, name)
            if is_watched:
                assert await asyncio.to_thread(process.wait, 60) == -signal.SIGKILL
            else:
                assert process.poll() is None
                process.send_signal(signal.SIGCONT)
                assert await asyncio.to_thread(process.wait, 60) == 75
            assert alike(found) == wanted
            assert await machine(fleet, name) == found  # nothing came late
            told = await said(follower, task_id)
            assert not told - undisturbed
            assert not [text for text in undisturbed - told if not PROGRESS.search(text)]
            await fleet.kill(stopping)
            if name != NAMES[-1]:
                await fleet.start(stopping)

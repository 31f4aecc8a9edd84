"""The daemon dies at every single write of a task, before it and right behind it.

Each time the task ends as if nothing had happened, and no machine lost its power, was
commissioned, deployed or wiped twice; nothing is said twice, and nothing is left unsaid.
"""

from collections import Counter

import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.oob.fake import FakeOob
from drydockd.model import TaskStatus
from tests.tasks.actions.test_firstrender import located
from tests.tasks.artefacts import ArtefactLab, artefacts
from tests.tasks.helpers import CutOff, Lab, names, site_text
from tests.tasks.telling import PROGRESS, kept, told

pytestmark = pytest.mark.slow


class Fenced(FakeOob):
    """A BMC whose work is done in sessions, noted before each is used; each has another name.

    `left` is the one in which it was told something, and which nobody ended.
    """

    sessions = 0
    left = None

    async def power_off(self, node, voice):
        await self._note(voice)
        await super().power_off(node, voice)
        self.left = None

    async def power_on(self, node, voice):
        await self._note(voice)
        await super().power_on(node, voice)
        self.left = None

    async def power_state(self, node):
        assert self.left is None, "asked before the older session was ended"
        return await super().power_state(node)

    async def end_session(self, node, session, voice):
        assert self.left in (None, session)
        self.left = None

    async def _note(self, voice):
        assert self.left is None, "told something before the older session was ended"
        self.sessions += 1
        session = f"/redfish/v1/SessionService/Sessions/{self.sessions}"
        await voice.fence(session)
        self.left = session


async def survived(at, before, action, *, nodes=1, driver=None, **room):
    """Run `action`, dying at its write number `at`; tell whether it has that many writes."""
    store = CutOff()
    lab = Lab(site_text(nodes), store=store, **room)
    if driver is not None:
        lab.drivers.oob[0] = driver(FakeOptions(power_seconds=0.3), room=lab.room)
    async with lab:
        task = await lab.submit(action, all_nodes=True)
        store.die(at, before=before)
        while not (store.died.is_set() or store.task(task.task_id).status.is_final):
            await lab.tasks.wait(task.task_id, 0.01)
        has_died = store.died.is_set()
        store.revive()
        await lab.restart()
        task = await lab.finished(task.task_id)
        assert all(t.status is TaskStatus.COMPLETE for t in lab.tree(task.task_id)), at
        if nodes and task.scope:
            assert task.result.successes == names(nodes), (at, lab.said(task.task_id))
        assert {t.result.status for t in lab.tree(task.task_id)} == {"success"}, at
        for t in lab.tree(task.task_id):
            attempts = Counter((c.action, c.scope, c.retry) for c in store.subtasks(t.task_id))
            assert set(attempts.values()) <= {1}, (at, t.action)
        machine = await lab.machine("n1")
        return machine and machine.counters, lab, has_died


@pytest.mark.parametrize("before", [False, True])
async def test_a_preparation_cuts_the_power_once_wherever_it_is_interrupted(before):
    at, has_died = 0, True
    while has_died:
        at += 1
        counters, _, has_died = await survived(
            at, before, "prepare_nodes", machines=[{"boot_mac": None, "name": "n1", "power": "on"}]
        )
        assert counters["power_cuts"] == 1, at
        assert counters["netboots"] == 1, at
        assert counters["commissions"] == 1, at
    assert at > 20


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(
    ("action", "on_again"), [("power_cycle_nodes", True), ("power_off_nodes", False)]
)
async def test_the_power_is_cut_once_wherever_it_is_interrupted(action, on_again, before):
    at, has_died = 0, True
    while has_died:
        at += 1
        counters, lab, has_died = await survived(
            at, before, action, driver=Fenced, machines=running_machines(1)
        )
        assert counters["power_cuts"] == 1, at
        assert counters["starts"] == on_again, at
        assert (await lab.machine("n1")).power == ("on" if on_again else "off"), at
    # With the facts, the intent, the session and the end of each half.
    assert at > (11 if on_again else 8)


@pytest.mark.parametrize("before", [False, True])
async def test_a_preparation_in_sessions_cuts_the_power_once_wherever_it_is_interrupted(before):
    at, has_died = 0, True
    while has_died:
        at += 1
        counters, _, has_died = await survived(
            at, before, "prepare_nodes", driver=Fenced, machines=running_machines(1)
        )
        assert (counters["power_cuts"], counters["netboots"]) == (1, 1), at


async def test_a_preparation_of_several_nodes_splits_once_wherever_it_is_interrupted():
    at, has_died = 0, True
    while has_died:
        at += 4
        counters, lab, has_died = await survived(at, False, "prepare_nodes", nodes=2)
        assert counters["commissions"] == 1, at
        (task,) = [t for t in lab.store.tasks() if t.parent_task_id is None]
        assert len(lab.store.subtask_ids(task.task_id)) == 2, at


@pytest.mark.parametrize("before", [False, True])
async def test_a_deployment_happens_once_wherever_it_is_interrupted(before):
    at, has_died = 0, True
    while has_died:
        at += 1
        counters, lab, has_died = await survived(at, before, "deploy_nodes", initial="ready")
        assert counters["deployments"] == 1, at
        assert counters["power_cuts"] == 0, at
        rows = lab.store.boot_actions("n1")
        assert sorted(row.status for row in rows) == ["success", "unreported"], at
        assert not any(row.closed for row in rows), at
    assert at > 20


@pytest.mark.parametrize("before", [False, True])
async def test_a_node_is_wiped_once_wherever_it_is_interrupted(before):
    at, has_died = 0, True
    while has_died:
        at += 1
        counters, _lab, has_died = await survived(at, before, "destroy_nodes", initial="deployed")
        assert counters["wipes"] == 1, at
    assert at > 5


def running_machines(count):
    return [{"name": name, "power": "on"} for name in names(count)]


ROOMS = [
    ("prepare_nodes", 1, {"machines": running_machines(1)}),
    ("prepare_nodes", 2, {"machines": running_machines(2)}),
    ("prepare_nodes", 2, {"initial": "new"}),
    ("prepare_nodes", 1, {"initial": "ready"}),
    ("deploy_nodes", 1, {"initial": "ready"}),
    ("deploy_nodes", 1, {"initial": "deployed"}),
    ("destroy_nodes", 1, {"initial": "deployed"}),
    ("destroy_nodes", 1, {}),
    ("relabel_nodes", 1, {"machines": [{"name": "n1", "state": "deployed"}]}),
    ("verify_nodes", 2, {}),
    ("accept_nodes", 1, {}),
    ("power_on_nodes", 1, {}),
    ("power_off_nodes", 1, {"machines": running_machines(1)}),
    ("power_cycle_nodes", 2, {"machines": running_machines(2)}),
    ("verify_site", 1, {}),
    ("prepare_site", 1, {}),
    ("validate_design", 1, {}),
]


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("action", "nodes", "room"), ROOMS)
async def test_all_is_said_and_kept_once_wherever_the_task_is_interrupted(
    action, nodes, room, before
):
    async def after(at):
        _, lab, has_died = await survived(at, before, action, nodes=nodes, **room)
        (task,) = [t for t in lab.store.tasks() if t.parent_task_id is None]
        return told(lab, task.task_id), kept(lab, task.task_id), has_died

    said, data, _ = await after(1000)
    at, has_died = 0, True
    while has_died:
        at += 1
        now_said, now_data, has_died = await after(at)
        missing = (said - now_said).elements()
        if before or nodes > 1:
            missing = [one for one in missing if not PROGRESS.search(one[-1])]
        assert list((now_said - said).elements()) == [], f"said twice at write {at}"
        assert list(missing) == [], f"missing at write {at}"
        assert now_data == data, at


@pytest.mark.parametrize("before", [False, True])
async def test_what_was_fetched_is_there_once_wherever_the_deployment_is_interrupted(before):
    """At each write the daemon dies; its blobs outlive it as far as the store knows of them."""
    at, has_died = 0, True
    while has_died:
        at += 1
        async with artefacts(script=b"#!/bin/sh\n") as server:
            store = CutOff()
            text = "---\n".join([site_text(1), located(f"{server.url}/script")])
            async with ArtefactLab(text, store=store) as lab:
                task = await lab.submit("deploy_nodes", all_nodes=True)
                store.die(at, before=before)
                while not (store.died.is_set() or store.task(task.task_id).status.is_final):
                    await lab.tasks.wait(task.task_id, 0.01)
                has_died = store.died.is_set()
                store.revive()
                await lab.restart()
                task = await lab.finished(task.task_id)

                assert task.result.status == "success", at
                assert (await lab.machine("n1")).counters["deployments"] == 1, at
                (pin,) = store.boot_context("n1").pins
                assert (await lab.archive("n1"))["/opt/located"] == b"#!/bin/sh\n", at
                assert server.asked["/script"] <= 2, at
                named = set(pin.parts) | {task.design}
                assert named == set(store.backend._blobs), at
    assert at > 20

"""The daemon dies at every single write of a task, before it and right behind it.

Each time the task ends as if nothing had happened, and no machine lost its power, was
commissioned, deployed or wiped twice.
"""

import pytest

from drydockd.model import TaskStatus
from tests.tasks.helpers import CutOff, Lab, names, site_text


async def survived(at, before, action, *, nodes=1, **room):
    """Run `action`, dying at its write number `at`; tell whether it has that many writes."""
    store = CutOff()
    lab = Lab(site_text(nodes), store=store, **room)
    async with lab:
        task = await lab.submit(action, all_nodes=True)
        store.die(at, before=before)
        while not (store.died.is_set() or store.task(task.task_id).status.is_final):
            await lab.tasks.wait(task.task_id, 0.01)
        has_died = store.died.is_set()
        store.revive()
        await lab.restart()
        task = await lab.finished(task.task_id, seconds=5)
        assert all(t.status is TaskStatus.COMPLETE for t in lab.tree(task.task_id)), at
        assert task.result.successes == names(nodes), (at, lab.said(task.task_id))
        assert {t.result.status for t in lab.tree(task.task_id)} == {"success"}, at
        started = [t.subtask_id_list for t in lab.tree(task.task_id) if t.subtask_id_list]
        assert all(len(ids) == len(set(ids)) for ids in started)
        machine = await lab.machine("n1")
        return machine.counters, lab, has_died


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


async def test_a_preparation_of_several_nodes_splits_once_wherever_it_is_interrupted():
    at, has_died = 0, True
    while has_died:
        at += 4
        counters, lab, has_died = await survived(at, False, "prepare_nodes", nodes=2)
        assert counters["commissions"] == 1, at
        (task,) = [t for t in lab.store.tasks() if t.parent_task_id is None]
        assert len(task.subtask_id_list) == 2, at


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

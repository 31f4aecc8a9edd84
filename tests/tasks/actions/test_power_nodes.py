"""The power of nodes, by itself."""

import pytest

from drydockd.api.actions import Action
from drydockd.errors import InvalidInput
from tests.tasks.helpers import Lab, fault, names, site_text


def machines(power, count=2, **more):
    return [{"name": name, "power": power, **more} for name in names(count)]


async def powers(lab):
    return [str(m.power) for m in await lab.room.machines()]


async def total(lab, counter):
    return sum((await lab.counters(counter)).values())


@pytest.mark.parametrize(
    ("action", "before", "after", "cuts", "step"),
    [
        ("power_on_nodes", "off", "on", 0, "power_on_node"),
        ("power_on_nodes", "on", "on", 0, "power_on_node"),
        ("power_off_nodes", "on", "off", 2, "power_off_node"),
        ("power_off_nodes", "off", "off", 0, "power_off_node"),
        ("power_cycle_nodes", "on", "on", 2, "power_cycle_node"),
        ("power_cycle_nodes", "off", "on", 0, "power_cycle_node"),
    ],
)
async def test_the_power_is_as_asked_and_the_boot_device_is_left_alone(
    action, before, after, cuts, step
):
    async with Lab(site_text(2), machines=machines(before)) as lab:
        task = await lab.run(action, "n1", "n2")

        assert (task.result.status, task.result.successes) == ("success", names(2))
        assert await powers(lab) == [after, after]
        assert await total(lab, "power_cuts") == cuts
        assert await total(lab, "netboots") == 0
        (found,) = lab.store.subtasks(task.task_id)
        assert (found.action, found.scope) == (step, names(2))


async def test_each_half_has_its_durable_intent():
    async with Lab(site_text(1), machines=machines("on", 1)) as lab:
        task = await lab.run("power_cycle_nodes", "n1")
        (child,) = lab.store.subtasks(lab.store.subtask_ids(task.task_id)[0])
        intents = {i.operation: i for i in lab.store.intents(child.task_id)}
        assert list(intents) == ["power_off", "power_on"]
        assert all(intent.closed for intent in intents.values())


async def test_an_answer_that_is_lost_cuts_the_power_once():
    faults = [fault("bmc_answer_lost", calls=["power_off"], times=1)]
    async with Lab(site_text(1), machines=machines("on", 1), faults=faults) as lab:
        task = await lab.run("power_cycle_nodes", "n1")
        assert task.result.status == "success"
        assert await total(lab, "power_cuts") == 1


@pytest.mark.parametrize("action", ["power_off_nodes", "power_cycle_nodes", "accept_nodes"])
async def test_a_whole_site_is_never_meant_by_leaving_something_out(action):
    async with Lab() as lab:
        with pytest.raises(
            InvalidInput, match=f'{action} needs a node_filter; .*"all_nodes": true'
        ):
            await lab.submit(action)
        assert (await lab.submit(action, all_nodes=True)).action == action


async def test_a_node_that_another_task_works_on_is_waited_for():
    faults = [fault("commission_hangs")]
    async with Lab(site_text(1), initial="new", faults=faults) as lab:
        busy = await lab.submit("prepare_nodes")
        await lab.until(lambda: lab.store.task(busy.task_id).status == "running")
        task = await lab.submit("power_off_nodes", "n1")
        await lab.until(lambda: lab.texts(task.task_id))

        assert lab.store.task(task.task_id).status == "queued"
        assert busy.task_id in lab.texts(task.task_id)[0]
        await lab.tasks.terminate(task.task_id, lab.caller)
        assert await total(lab, "power_cuts") == 0


async def test_without_a_driver_and_without_nodes_it_is_said():
    async with Lab(site_text(1, oob="ipmi")) as lab:
        lab.drivers.oob[0].oob_types = ("redfish",)
        task = await lab.run("power_on_nodes", "n1")
        assert lab.texts(task.task_id, error=True) == ["Node n1 OOB type ipmi is not supported."]
        task = await lab.run("power_on_nodes", "n9")
        assert lab.texts(task.task_id)[-1] == "No nodes in scope, no work to do."


async def test_a_dry_run_names_the_step_also_where_the_provisioner_enrols():
    async with Lab(site_text(1)) as lab:
        lab.drivers.node.discovers = "enrol"
        plan = await lab.submit("power_cycle_nodes", "n1", dry_run=True)
        assert plan.steps == {"n1": (Action.POWER_CYCLE_NODE,)}
        assert plan.notes == ()

"""A BMC whose answers are lost, before or after it did what it was told.

No node fails for that, no machine stays without power, and none is switched off twice.
"""

import pytest

from drydockd.drivers.base import PowerState
from drydockd.errors import DriverPersistent, DriverTransient
from tests.tasks.helpers import Lab, fault, names

pytestmark = pytest.mark.slow

KINDS = ("bmc_silent", "bmc_answer_lost")
REFUSALS = (DriverPersistent("not while off"), DriverTransient("503"))
RUNNING = [{"name": name, "power": "on"} for name in names(3)]


def impatient(*faults):
    """A lab whose out-of-band steps may take a second."""
    lab = Lab(faults=faults, machines=RUNNING)
    lab.with_settings(drydock_timeout=1.0)
    lab.tasks = lab._new()
    return lab


def said_of(lab, task, action):
    """All texts of the steps of an action."""
    steps = [t for t in lab.tree(task.task_id) if t.action == action]
    return [text for step in steps for text in lab.texts(step.task_id)]


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
async def test_nodes_whose_first_answers_are_lost_are_verified(kind, times):
    async with Lab(faults=[fault(kind, calls=["facts"], times=times)]) as lab:
        task = await lab.run("verify_nodes")

        assert task.result.successes == names(3)
        said = said_of(lab, task, "interrogate_oob")
        assert "n1: no answer from 10.2.0.2; trying again" in said


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("call", ["set_network_boot", "power_off", "power_on"])
async def test_a_machine_whose_answers_are_lost_is_cycled_once_and_netboots(call, kind, times):
    faults = [fault(kind, calls=[call], times=times)]
    async with Lab(faults=faults, machines=RUNNING) as lab:
        task = await lab.run("prepare_nodes", all_nodes=True)

        assert task.result.successes == names(3), lab.said(task.task_id)
        for name in names(3):
            machine = await lab.machine(name)
            assert machine.power is PowerState.ON
            counted = {key: machine.counters[key] for key in ("power_cuts", "netboots", "starts")}
            assert counted == {"power_cuts": 1, "netboots": 1, "starts": 1}


@pytest.mark.parametrize("kind", KINDS)
async def test_reading_the_power_may_be_lost_too(kind):
    faults = [
        fault(kind, calls=["power_off", "power_on"], times=1),
        fault(kind, calls=["power_state"], times=1),
    ]
    async with Lab(faults=faults, machines=RUNNING) as lab:
        task = await lab.run("prepare_nodes", all_nodes=True)

        assert task.result.successes == names(3), lab.said(task.task_id)
        assert set((await lab.counters("power_cuts")).values()) == {1}


@pytest.mark.parametrize(
    ("action", "call", "step"),
    [
        ("verify_nodes", "facts", "interrogate_oob"),
        ("prepare_nodes", "set_network_boot", "set_node_boot"),
        ("prepare_nodes", "power_off", "power_cycle_node"),
        ("prepare_nodes", "power_on", "power_cycle_node"),
    ],
)
async def test_a_bmc_that_stays_silent_fails_its_node_with_the_last_thing_seen(action, call, step):
    async with impatient(fault("bmc_silent", "n2", calls=[call])) as lab:
        task = await lab.run(action, "n2")

        (text,) = lab.texts(task.task_id, error=True)
        assert text.startswith(f"Node n2 failed {step}: ")
        assert text.endswith("did not happen within 1 s; last seen: n2: no answer from 10.2.0.3")
        again = [t for t in said_of(lab, task, step) if t.startswith("n2") and "trying again" in t]
        assert len(again) == 1


async def test_a_power_that_never_changes_fails_the_node_with_the_last_thing_seen():
    async with impatient(fault("power_stuck", "n1")) as lab:
        task = await lab.run("prepare_nodes", "n1")

        (text,) = lab.texts(task.task_id, error=True)
        assert "last seen: n1: still on 0.3 s after it was told to go off" in text
        assert (await lab.machine("n1")).power is PowerState.ON


async def test_a_machine_that_was_switched_off_goes_on_again_although_the_task_is_stopped():
    faults = [fault("bmc_silent", calls=["power_on"], times=3)]
    lab = Lab(faults=faults, machines=RUNNING)
    lab.with_settings(poll_interval=0.05)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("prepare_nodes", "n1")
        await lab.until(lambda: any("trying again" in t for t in lab.said(task.task_id)))
        await lab.tasks.terminate(task.task_id, lab.caller)
        task = await lab.finished(task.task_id)

        assert (task.status, task.result.failures) == ("terminated", ("n1",))
        machine = await lab.machine("n1")
        assert (machine.power, machine.counters["power_cuts"]) == (PowerState.ON, 1)


async def test_the_boot_device_is_set_again_between_off_and_on():
    async with Lab(machines=RUNNING) as lab:
        task = await lab.run("prepare_nodes", "n1")

        assert said_of(lab, task, "power_cycle_node")[-3:] == [
            "n1: power is off",
            "n1: the next start of m0001 is a network boot",
            "n1: power is on",
        ]


async def test_a_boot_device_that_cannot_be_set_again_leaves_no_machine_without_power():
    lab = Lab(machines=RUNNING)
    async with lab:
        set_boot = lab.room.bmc_boot

        async def refused_while_off(card, device):
            machine = await lab.room.bmc_power(card)
            if machine.power is PowerState.OFF:
                raise lab.refusal
            return await set_boot(card, device)

        lab.room.bmc_boot = refused_while_off
        for name, lab.refusal in zip(names(2), REFUSALS, strict=True):
            task = await lab.run("prepare_nodes", name)
            assert task.result.status == "success"
            words = f"{name}: powered on without setting its boot device again: {lab.refusal}"
            assert words in said_of(lab, task, "power_cycle_node")

"""Begun once, joined if it runs, read back where an answer is lost: commissioning and wipe."""

import pytest

from drydockd.drivers.node.maas.lifecycle import WIPE, Lifecycle
from drydockd.drivers.node.maas.machine import STATES, Machine
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.machines import NodeState
from tests.drivers.node.maas.making import Killed, Voice, cut_client
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine

FORM = {"enable_ssh": 0}


@pytest.fixture
def life(client):
    return Lifecycle(client, poll_seconds=0.001)


async def handle_of(life, machine):
    return (await life.read(machine.system_id)).handle()


@pytest.mark.parametrize("status", ["New", "Failed commissioning", "Failed testing"])
async def test_a_machine_is_commissioned_once(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status)
    found = await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert found.state is NodeState.READY
    assert maas.done["commission", machine.system_id] == 1


async def test_a_running_commissioning_is_joined(maas, life):
    machine = add_machine(maas, "n1", status_name="Commissioning", does="commission", looks=3)
    voice = Voice()
    await life.commissioned(await handle_of(life, machine), FORM, voice)
    assert maas.done["commission", machine.system_id] == 0
    assert voice.said == ["n1: commissioning runs on sid001"]


@pytest.mark.parametrize("status", ["Ready", "Allocated", "Deploying", "Deployed"])
async def test_what_is_ready_or_later_is_left_alone(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status)
    await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert maas.writes() == []


async def test_a_failed_commissioning_is_told_with_its_reason(maas, life):
    machine = add_machine(maas, "n1", status_name="New")
    maas.fails["commission"] = 1
    with pytest.raises(DriverTransient, match="Failed commissioning: commission went wrong"):
        await life.commissioned(await handle_of(life, machine), FORM, Voice())


@pytest.mark.parametrize("status", ["Reserved", "Retired", "Missing", "Rescue mode", "Broken"])
async def test_somebody_elses_machine_is_not_commissioned(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status)
    with pytest.raises(DriverConflict, match=status):
        await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert maas.writes() == []


async def test_a_lost_answer_is_read_back_not_repeated(maas, life):
    machine = add_machine(maas, "n1", status_name="New")
    maas.faults.append(Fault(at("POST", "machines/.*", "commission"), is_lost=True))
    await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert maas.done["commission", machine.system_id] == 1


async def test_a_request_that_never_came_leaves_the_repeat_to_the_caller(maas, life):
    machine = add_machine(maas, "n1", status_name="New")
    maas.faults.append(Fault(at("POST", "machines/.*", "commission"), is_dropped=True))
    with pytest.raises(DriverTransient):
        await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert maas.done["commission", machine.system_id] == 0


async def test_somebody_who_was_faster_is_joined(maas, life):
    machine = add_machine(maas, "n1", status_name="New")

    def begun():
        machine.status_name, machine.does, machine.looks = "Commissioning", "commission", 1

    maas.faults.append(Fault(at("POST", "machines/.*", "commission"), before=begun))
    found = await life.commissioned(await handle_of(life, machine), FORM, Voice())
    assert found.state is NodeState.READY


async def test_an_outage_while_waiting_is_told_once_and_waited_out(maas, life):
    machine = add_machine(maas, "n1", status_name="Commissioning", does="commission")
    fault = Fault(at("GET", "machines/sid001/"), times=3, status=503)
    handle = (await life.read(machine.system_id)).handle()
    machine.status_name, machine.does, machine.looks = "Commissioning", "commission", 2
    maas.faults.append(fault)
    voice = Voice()
    found = await life.settled(_view(handle), NodeState.COMMISSIONING, voice)
    assert found.status == "Ready"
    assert len([text for text in voice.said if "503" in text]) == 1


def _view(handle):
    return Machine(handle.id, handle.name, "maas", "Commissioning")


@pytest.mark.parametrize(
    "status",
    ["Allocated", "Deployed", "Deploying", "Failed deployment", "Releasing failed", "Broken"],
)
async def test_a_machine_is_wiped_and_then_forgotten(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status, owner="admin")
    await life.destroyed(machine.system_id, Voice())
    assert maas.writes() == ["POST machines/sid001/ release", "DELETE machines/sid001/"]
    assert maas.calls[1].form == {name: ["True"] for name in WIPE}


@pytest.mark.parametrize("status", ["Releasing", "Disk erasing"])
async def test_a_running_wipe_is_joined(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status, does="erase", looks=2)
    await life.destroyed(machine.system_id, Voice())
    assert maas.writes() == ["DELETE machines/sid001/"]


async def test_a_machine_whose_wipe_failed_is_kept(maas, life):
    machine = add_machine(maas, "n1", status_name="Deployed", owner="admin")
    maas.fails["erase"] = 1
    with pytest.raises(DriverTransient, match="Failed disk erasing"):
        await life.destroyed(machine.system_id, Voice())
    assert "sid001" in maas.machines
    await life.destroyed(machine.system_id, Voice())
    assert "sid001" not in maas.machines


async def test_what_is_gone_needs_no_wipe(maas, life):
    await life.destroyed("nosuch", Voice())
    with pytest.raises(NodeUnknown):
        await life.read("nosuch")


@pytest.mark.parametrize("status", ["Reserved", "Retired", "Rescue mode"])
async def test_somebody_elses_machine_is_not_wiped(maas, life, status):
    machine = add_machine(maas, "n1", status_name=status)
    with pytest.raises(DriverConflict, match=status):
        await life.destroyed(machine.system_id, Voice())
    assert maas.writes() == []


async def test_a_failed_deployment_is_released_without_a_wipe(maas, life):
    machine = add_machine(maas, "n1", status_name="Failed deployment", owner="admin")
    ready = await life.ready_again(await life.read(machine.system_id), Voice())
    assert ready.status == "Ready"
    assert maas.done["release", "sid001"] == 1
    assert maas.done["erase", "sid001"] == 0


@pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
@pytest.mark.parametrize("act", ["commission", "destroy"])
async def test_kill_9_between_any_two_calls_does_nothing_twice(maas, act, is_sent):
    for number in range(50):
        maas.machines.clear()
        maas.done.clear()
        status = "New" if act == "commission" else "Deployed"
        machine = add_machine(maas, "n1", status_name=status, owner="admin")
        client, cut = cut_client(maas, number, is_sent=is_sent)
        try:
            await _act(act, client, machine.system_id)
        except Killed:
            await client.close()
            client, _ = cut_client(maas)
            await _act(act, client, machine.system_id)
        await client.close()
        assert max(maas.done.values()) == 1
        assert machine.status_name == "Ready"
        assert (act == "destroy") == ("sid001" not in maas.machines)
        if not cut.was_cut:
            break
    assert number > 3


async def _act(act, client, sid):
    life = Lifecycle(client, poll_seconds=0.001)
    if act == "destroy":
        await life.destroyed(sid, Voice())
    else:
        await life.commissioned((await life.read(sid)).handle(), FORM, Voice())


def test_every_status_of_the_contract_is_known_or_foreign():
    assert STATES["Testing"] is NodeState.COMMISSIONING
    assert "Reserved" not in STATES

"""The room as a whole: revisions, waiting, faults that change, closing."""

import asyncio

import pytest

from drydockd.errors import NodeUnknown
from drydockd.machines import NodeState, PowerState
from drydockd.room.card import NodeCard
from drydockd.room.config import FaultConfig
from drydockd.room.room import Room
from tests.room.helpers import Site, a_node, a_spec, quick, when


async def test_changes_are_those_behind_a_revision_oldest_first(open_room):
    room = open_room(quick(machines=3))
    revision, before = await room.changes(-1, 0)
    assert (revision, len(before)) == (0, 3)
    await room.bmc_boot(NodeCard("b"), "network")
    await room.bmc_boot(NodeCard("a"), "network")
    await room.bmc_boot(NodeCard("b"), "disk")
    revision, changed = await room.changes(0, 0)
    assert [m.name for m in changed] == ["a", "b"]
    assert await room.changes(revision, 0) == (revision, [])


async def test_waiting_for_changes_ends_with_the_first_one(room):
    waiting = asyncio.create_task(room.changes(room.revision, 60))
    await asyncio.sleep(0)
    await room.bmc_boot(NodeCard("a"), "network")
    _, changed = await waiting
    assert [m.next_boot for m in changed] == ["network"]


async def test_waiting_for_a_machine_that_is_not_there_is_an_error(room):
    with pytest.raises(NodeUnknown, match="no machine m9"):
        await room.changed("m9", 0)


async def test_machines_may_begin_in_any_state(open_room):
    room = open_room(quick(machines=2, initial="ready"))
    lab = Site(room)
    handle = await lab.nodes.adopt(await lab.nodes.find(a_node()), a_node())
    assert (await lab.nodes.deploy(handle, a_spec(), lab.voice)).state is NodeState.DEPLOYED
    assert {m.power for m in await room.machines()} == {PowerState.ON}


async def test_faults_can_be_set_and_lifted_while_it_runs(room):
    room.set_faults((FaultConfig(fault="no_discovery"),))
    lab = Site(room)
    await lab.oob.set_network_boot(a_node(), lab.voice)
    await lab.oob.power_on(a_node(), lab.voice)
    await lab.oob.power_off(a_node(), lab.voice)
    room.set_faults(())
    assert (await lab.discover(a_node())).state is NodeState.NEW


async def test_counters_of_a_fault_begin_anew_when_faults_are_set(room):
    fails_once = (FaultConfig(fault="deploy_fails", times=1),)
    room.set_faults(fails_once)
    lab = Site(room)
    handle = await lab.prepare(a_node())
    await room.deploy(handle.id, a_spec())
    await when(room, lambda m: m.state is NodeState.FAILED_DEPLOY)
    room.set_faults(fails_once)
    await room.deploy(handle.id, a_spec())
    machine = await when(room, lambda m: m.state is not NodeState.DEPLOYING)
    assert machine.state is NodeState.FAILED_DEPLOY


async def test_an_adopted_machine_that_was_wiped_gets_its_hardware_anew(room):
    lab = Site(room)
    await lab.deploy(a_node())
    await lab.nodes.destroy(a_node(), lab.voice)
    handle = await lab.prepare(a_node(boot_mac=None))
    assert handle.state is NodeState.READY
    assert (await room.machines())[0].counters["commissions"] == 2


async def test_a_closed_room_leaves_no_timer_task_or_folder():
    room = Room(quick(latencies={"deploy": 3600}))
    folder = room.folder
    lab = Site(room)
    handle = await lab.prepare(a_node())
    await room.deploy(handle.id, a_spec())
    await room.close()
    assert not folder.exists()
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_machine_made_on_demand_hides_no_change_of_another():
    room = Room()
    try:
        await room.bmc_boot(NodeCard("a"), "network")
        with pytest.raises(NodeUnknown):
            await room.find(NodeCard("b"))
        _, changed = await room.changes(0, 0)
        assert [m.name for m in changed] == ["a"]
    finally:
        await room.close()

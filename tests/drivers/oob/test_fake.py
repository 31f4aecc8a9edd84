"""The room's BMCs, near and far."""

import asyncio

import pytest

from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.oob.fake import FakeOob
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.room.helpers import a_node, cancelled, fault, quick, when


async def test_power_goes_on_and_off_and_reads_back(site):
    lab = await site()
    node = a_node()
    assert await lab.oob.power_state(node) is PowerState.OFF
    await lab.oob.power_on(node, lab.voice)
    assert await lab.oob.power_state(node) is PowerState.ON
    await lab.oob.power_off(node, lab.voice)
    assert await lab.oob.power_state(node) is PowerState.OFF


async def test_only_turning_off_what_runs_counts_as_a_power_cut(site):
    lab = await site()
    for _ in range(2):
        await lab.oob.power_off(a_node(), lab.voice)
    await lab.oob.power_on(a_node(), lab.voice)
    for _ in range(2):
        await lab.oob.power_off(a_node(), lab.voice)
    assert (await lab.room.machines())[0].counters["power_cuts"] == 1


async def test_a_network_boot_is_for_one_start_only(site):
    lab = await site()
    await lab.discover(a_node())
    await lab.oob.power_off(a_node(), lab.voice)
    await lab.oob.power_on(a_node(), lab.voice)
    [machine] = await lab.room.machines()
    assert (machine.counters["starts"], machine.counters["netboots"]) == (2, 1)


async def test_an_answer_may_be_lost_after_the_bmc_did_what_it_was_told(site):
    lab = await site(quick(**fault("bmc_answer_lost", calls=["set_network_boot"])))
    with pytest.raises(DriverTransient, match="no answer from"):
        await lab.oob.set_network_boot(a_node(), lab.voice)
    [machine] = await lab.room.machines()
    assert machine.next_boot == "network"


async def test_a_silent_bmc_is_a_transient_error_that_names_its_address(site):
    lab = await site(quick(**fault("bmc_silent")))
    with pytest.raises(DriverTransient, match=r"n1: no answer from 10\.0\.0\.1"):
        await lab.oob.power_state(a_node())


async def test_refused_credentials_are_persistent(site):
    lab = await site(quick(**fault("bmc_denied")))
    with pytest.raises(DriverPersistent, match="refuses the credentials"):
        await lab.oob.set_network_boot(a_node(), lab.voice)


async def test_power_that_does_not_change_is_given_up_with_what_was_seen(site):
    lab = await site(quick(**fault("power_stuck")), power_seconds=0.2)
    with pytest.raises(DriverTransient, match=r"still off 0\.2 s after it was told to go on"):
        await lab.oob.power_on(a_node(), lab.voice)


async def test_a_cancelled_caller_leaves_the_power_changing(site):
    lab = await site(quick(latencies={"power": 0.1}))
    switching = asyncio.create_task(lab.oob.power_on(a_node(), lab.voice))
    await when(lab.room, lambda machine: machine.power_wanted is PowerState.ON)
    await cancelled(switching)
    machine = await when(lab.room, lambda machine: machine.power is PowerState.ON)
    assert machine.counters["starts"] == 1


async def test_a_machine_with_the_discovery_fault_never_shows_up(site):
    lab = await site(quick(**fault("no_discovery")))
    await lab.oob.set_network_boot(a_node(), lab.voice)
    await lab.oob.power_on(a_node(), lab.voice)
    [machine] = await lab.room.machines()
    assert (machine.state, machine.counters["netboots"]) == (None, 1)


async def test_a_node_beyond_the_last_machine_has_no_bmc(site):
    lab = await site(quick(machines=1))
    await lab.oob.power_on(a_node(), lab.voice)
    with pytest.raises(DriverTransient, match="n2: no answer"):
        await lab.oob.power_on(a_node("n2", number=2), lab.voice)


async def test_it_answers_for_every_type_unless_told_otherwise(room):
    assert FakeOob(room=room).oob_types == ("ipmi", "redfish", "libvirt", "manual")
    assert FakeOob(FakeOptions(oob_types=["ipmi"]), room=room).oob_types == ("ipmi",)


async def test_the_next_start_can_be_one_from_disk(site):
    lab = await site(quick())
    await lab.oob.set_network_boot(a_node(), lab.voice)

    await lab.oob.set_disk_boot(a_node(), lab.voice)

    facts = await lab.oob.facts(a_node())
    assert (facts.generator, facts.boot_device, facts.power) == ("fake", "disk", PowerState.OFF)

"""In which states a machine may be changed, and how it gets there."""

import pytest

from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.readiness import Desk
from drydockd.errors import DriverConflict, DriverTransient
from tests.drivers.node.maas.plans import commissioned


@pytest.fixture
def desk(client):
    def made(handle):
        return Desk(client, handle, "the disks", Lifecycle(client, poll_seconds=0.001))

    return made


@pytest.mark.parametrize("status", ["Ready", "Allocated"])
async def test_ready_and_allocated_are_open(maas, desk, status):
    _, handle = commissioned(maas, status_name=status)
    assert (await desk(handle).opened())["status_name"] == status
    assert maas.writes() == []


async def test_deployed_is_left_alone(maas, desk):
    _, handle = commissioned(maas, status_name="Deployed")
    assert await desk(handle).opened() is None


async def test_a_failed_deployment_is_released(maas, desk):
    _, handle = commissioned(maas, status_name="Failed deployment", owner="admin")
    assert (await desk(handle).opened())["status_name"] == "Ready"
    assert maas.done["release", handle.id] == 1


async def test_a_release_that_runs_is_waited_for(maas, desk):
    machine, handle = commissioned(maas, status_name="Releasing")
    machine.does, machine.looks = "release", 3
    assert (await desk(handle).opened())["status_name"] == "Ready"
    assert maas.writes() == []


async def test_a_release_that_fails_is_told(maas, desk):
    machine, handle = commissioned(maas, status_name="Failed deployment", owner="admin")
    maas.fails["release"] = 1
    with pytest.raises(DriverTransient, match="release failed"):
        await desk(handle).opened()
    assert machine.status_name == "Releasing failed"


@pytest.mark.parametrize("status", ["New", "Broken", "Missing", "Deploying"])
async def test_other_states_are_named(maas, desk, status):
    _, handle = commissioned(maas, status_name=status)
    with pytest.raises(DriverConflict, match=f"n1: the disks can be set .* it is {status}"):
        await desk(handle).opened()


async def test_ours_is_released_and_somebody_elses_is_not(maas, desk):
    machine, handle = commissioned(maas, status_name="Allocated", owner="admin")
    one = desk(handle)
    assert (await one.released(await one.read()))["status_name"] == "Ready"
    machine.status_name, machine.owner = "Allocated", "bob"
    with pytest.raises(DriverConflict, match="allocated to bob"):
        await one.released(await one.read())
    assert machine.status_name == "Allocated"


async def test_nothing_is_asked_to_release_what_is_ready(maas, desk):
    _, handle = commissioned(maas)
    one = desk(handle)
    document = await one.read()
    assert await one.released(document) is document
    assert len(maas.calls) == 1

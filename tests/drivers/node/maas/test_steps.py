"""Step after step as tasks call them: each begins with what `find` read just before."""

from contextlib import suppress

import pytest

from drydockd.drivers.node.maas.provisioner import MaasProvisioner
from drydockd.errors import DriverConflict
from drydockd.machines import NodeState
from drydockd.plans import BootDelivery, DeploySpec, PlatformPlan
from tests.drivers.node.maas.making import Killed, Voice, a_node, cut_client, options
from tests.peers.maas import Simulator
from tests.peers.maas.machines import add_machine
from tests.peers.maas.site import furnished

KEY = "ab" * 32
SPEC = DeploySpec(
    "task-1",
    "jammy",
    None,
    "maas",
    boot=BootDelivery(KEY, "http://10.0.0.1:9000/api/v1.0/", "n1"),
    owner_data={"rack": "r1"},
)
PLATFORM = PlatformPlan("jammy", None, "quiet", "n1_kp", ("gpu",))
ACTS = ("commission", "allocate", "deploy")
NODE = a_node()


async def all_steps(driver):
    await driver.adopt(await driver.find(NODE), NODE)
    handle = await driver.find(NODE)
    if handle.state is NodeState.NEW or handle.state is NodeState.COMMISSIONING:
        await driver.commission(handle, Voice())
    handle = await driver.find(NODE)
    await driver.inventory(handle)
    await driver.apply_platform(handle, PLATFORM)
    await driver.deploy(await driver.find(NODE), SPEC, Voice())


async def run(region, at=None, *, is_sent=False):
    """All steps; when they are cut, once more by a process that knows nothing. Return whether
    they were cut."""
    client, cut = cut_client(region, at, is_sent=is_sent)
    driver = MaasProvisioner(options(region), client=client)
    with suppress(Killed):
        await all_steps(driver)
    await driver.close()
    if cut.was_cut:
        driver = MaasProvisioner(options(region))
        await all_steps(driver)
        await driver.close()
    return cut.was_cut


@pytest.mark.slow
@pytest.mark.parametrize("is_sent", [False, True], ids=["before MAAS", "after MAAS"])
async def test_killed_at_any_request_the_next_process_goes_on(is_sent):
    number, was_cut = -1, True
    while was_cut:
        number += 1
        region = furnished(Simulator())
        await region.start()
        machine = add_machine(region, "swift-fox", status_name="New")
        was_cut = await run(region, number, is_sent=is_sent)
        await region.stop()
        assert [region.done[act, machine.system_id] for act in ACTS] == [1, 1, 1], number
        assert machine.status_name == "Deployed"
        assert machine.hostname == "n1"
        assert machine.tag_names == set(region.tags) == {"n1_kp", "gpu", f"n1__baid__{KEY}"}
        assert machine.annotations["rack"] == "r1"
    assert number > 20


async def test_who_is_faster_between_find_and_commission_is_joined(maas, driver):
    machine = add_machine(maas, "n1", status_name="New")
    handle = await driver.find(NODE)
    machine.status_name, machine.does, machine.looks = "Commissioning", "commission", 1
    assert (await driver.commission(handle, Voice())).state is NodeState.READY
    assert maas.done["commission", machine.system_id] == 0


async def test_who_takes_the_machine_between_find_and_deploy_is_told(maas, driver):
    machine = add_machine(maas, "n1")
    handle = await driver.find(NODE)
    machine.status_name, machine.owner = "Allocated", "eve"
    with pytest.raises(DriverConflict, match="allocated to eve, not to admin"):
        await driver.deploy(handle, SPEC, Voice())
    assert machine.annotations == {}


async def test_what_was_released_between_find_and_deploy_is_not_annotated_as_ours(maas, driver):
    machine = add_machine(maas, "n1", status_name="Allocated", owner="admin")
    handle = await driver.find(NODE)
    machine.status_name, machine.owner = "Ready", None
    with pytest.raises(DriverConflict):
        await driver.deploy(handle, SPEC, Voice())
    # Whoever tries again looks again.
    assert (await driver.deploy(handle, SPEC, Voice())).state is NodeState.DEPLOYED

"""The driver as the tasks call it."""

import asyncio
import logging

import pytest

from drydockd.drivers.base import NodeProvisioner, Resident, Surroundings
from drydockd.errors import DriverConflict, NodeUnknown
from drydockd.machines import NodeState
from drydockd.plans import PlatformPlan
from drydockd.site import Network, NetworkLink
from tests.drivers.node.maas.making import Voice, a_node
from tests.drivers.node.netboot.shelves import MemoryShelf
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine, add_rack

OAM = Network("oam", "10.0.0.0/24", dns_domain="lab.example")


async def started(driver):
    await driver.start(Surroundings(MemoryShelf(), b"", lambda node: None))


async def test_it_is_a_resident_provisioner(driver):
    assert isinstance(driver, Resident)
    typed: NodeProvisioner = driver
    assert typed.discovers == "netboot"
    assert "sriov" not in await typed.capabilities()


async def test_a_nodes_domain_is_that_of_its_primary_network_as_prepare_site_wrote_it(maas, driver):
    await started(driver)
    machine = add_machine(maas, "swift-fox", status_name="New")
    await driver.apply_site_network({"gp": NetworkLink("gp", ("oam",))}, {"oam": OAM})
    handle = await driver.adopt(await driver.find(a_node()), a_node())
    assert (handle.name, machine.hostname, machine.domain) == ("n1", "n1", "lab.example")


async def test_enlisting_is_for_maas_and_racks_are_left_alone(maas, driver):
    with pytest.raises(DriverConflict, match="enlists"):
        await driver.adopt(None, a_node())
    add_rack(maas, "n1", "52:54:ff:00:00:01", None)
    handle = await driver.find(a_node())
    assert await driver.adopt(handle, a_node()) == handle
    with pytest.raises(DriverConflict, match="rack controller"):
        await driver.destroy(a_node(), Voice())
    assert maas.writes() == []


async def test_commissioning_sends_what_the_options_say(maas, driver):
    machine = add_machine(maas, "n1", status_name="New")
    handle = await driver.commission(await driver.find(a_node()), Voice())
    assert handle.state is NodeState.READY
    sent = next(call.form for call in maas.calls if call.op == "commission")
    assert sent == {"enable_ssh": ["0"], "skip_bmc_config": ["0"]}
    documents = (await driver.inventory(handle)).documents
    assert [document.generator for document in documents] == ["lshw", "lldp"]
    assert await driver.logs(handle, "commission") == ()
    assert machine.status_name == "Ready"


async def test_destroy_wipes_forgets_and_removes_the_keys_of_the_node(maas, driver):
    add_machine(maas, "n1", status_name="Deployed", owner="admin", tag_names={"n1__baid__ab"})
    for name in ("n1__baid__ab", "n10__baid__cd"):
        maas.tags[name] = {"definition": "", "comment": "", "kernel_opts": ""}
    await driver.destroy(a_node(), Voice())
    assert maas.machines == {}
    assert set(maas.tags) == {"n10__baid__cd"}
    with pytest.raises(NodeUnknown):
        await driver.find(a_node())


async def test_what_cannot_be_found_is_destroyed_already(driver):
    voice = Voice()
    await driver.destroy(a_node(), voice)
    assert voice.said == ["n1: MAAS does not know it, nothing to wipe"]


async def test_somebody_elses_machine_is_kept(maas, driver):
    add_machine(maas, "n1", status_name="Rescue mode")
    with pytest.raises(DriverConflict, match="Rescue mode"):
        await driver.destroy(a_node(), Voice())


async def test_listing_nodes_tells_addresses_and_never_a_password(maas, driver, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("n1", "n2"):
        add_machine(maas, name)
    rows = await driver.list_nodes()
    assert [(row.hostname, row.power_address) for row in rows] == [
        ("n1", "172.22.9.1"),
        ("n2", "172.22.9.2"),
    ]
    for secret in maas.secrets():
        assert secret not in str(rows)
        assert secret not in caplog.text


async def test_the_catalogue_names_images_and_kernels(driver):
    catalogue = await driver.catalogue()
    assert catalogue.has_kernel("jammy", "hwe-22.04")


async def test_a_check_that_finds_maas_away_says_so(maas, driver):
    maas.faults.append(Fault(at("GET", "version/"), status=502))
    assert any(note.error and "502" in note.text for note in await driver.check())


async def test_a_step_begins_with_what_find_read_and_details_are_read_once(maas, driver):
    machine = add_machine(maas, "n1", status_name="New")
    await driver.commission(await driver.find(a_node()), Voice())
    sid = machine.system_id
    for _ in range(3):
        handle = await driver.find(a_node())
        await driver.inventory(handle)
        await driver.apply_platform(handle, PlatformPlan("jammy", None, "quiet", "n1_kp"))
    assert maas.counted("GET", f"machines/{sid}/", "details") == 1
    # Looked at twice while it was commissioned, and found thrice.
    looks = [call for call in maas.calls if (call.path, call.op) == (f"machines/{sid}/", None)]
    assert len(looks) == 2 + 3
    machine.commissioning += 1
    await driver.inventory(await driver.find(a_node()))
    assert maas.counted("GET", f"machines/{sid}/", "details") == 2


async def test_many_nodes_cost_few_reads(maas, driver):
    nodes = [a_node(f"n{number}", oob_type="manual") for number in range(10)]
    for node in nodes:
        add_machine(maas, node.name, status_name="New")
    async with asyncio.TaskGroup() as group:
        for node in nodes:
            group.create_task(_commissioned(driver, node))
    assert {machine.status_name for machine in maas.machines.values()} == {"Ready"}
    reads = [call for call in maas.calls if call.method == "GET"]
    assert len(reads) < len(nodes)


async def _commissioned(driver, node):
    await driver.commission(await driver.find(node), Voice())

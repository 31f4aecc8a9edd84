"""What netboot tells of a machine it installed: then and now."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.accounts import Accounts
from drydockd.drivers.node.netboot.assembly import SiteWide
from drydockd.drivers.node.netboot.installs import Installs
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.plandocs import document_of
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import NodeUnknown
from drydockd.images.catalogue import ImageCatalogue
from drydockd.machines import NodeState
from tests.drivers.node.netboot.pretend import LSHW
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf
from tests.drivers.node.netboot.test_provisioner import NETWORK, NODE, PLATFORM, SHA, SPEC, STORAGE
from tests.drivers.node.netboot.test_provisioner import bench as bench
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue

HARDWARE = '{"disks": [{"name": "vda", "serial": "D-1"}]}'


@pytest.fixture
async def machines():
    machines = Machines(MemoryShelf())
    lshw = await machines.put_blob(LSHW.format(mac=MAC).encode())
    hardware = await machines.put_blob(HARDWARE.encode())
    ready = Machine(
        MAC, NodeState.READY, name="n1", firmware="bios", power_address="10.2.0.7",
        memory_mib=1024, cpus=2, documents={"lshw": lshw, "hardware": hardware, "log-inspect": "x"},
    )  # fmt: skip
    await machines.save(ready)
    for kind, plan in (("network", NETWORK), ("storage", STORAGE), ("platform", PLATFORM)):
        await machines.put_plan(MAC, kind, document_of(plan))
    return machines


@pytest.fixture
async def deployed(machines, catalogue):
    """Accounts of a machine that was deployed with `SPEC`."""
    images = ImageCatalogue(catalogue)
    begun = await Installs(machines, images, lambda: "u").begin(machines.get(MAC), SPEC, SiteWide())
    await machines.save(replace(begun, state=NodeState.DEPLOYED, booted_params="ro quiet"))
    return Accounts(machines, images)


async def test_only_a_deployed_machine_has_an_account(machines, catalogue):
    assert await Accounts(machines, ImageCatalogue(catalogue)).installed(machines.get(MAC)) is None


async def test_the_account_has_the_plans_the_image_and_the_machine(deployed):
    account = await deployed.installed(deployed.machines.get(MAC))
    assert (account.platform, account.storage, account.network) == (PLATFORM, STORAGE, NETWORK)
    assert (account.deployment_id, account.booted_params) == ("d1", "ro quiet")
    assert account.image_digest == account.catalogue_digest == SHA["image"]
    assert account.then == account.now
    assert (account.now.boot_mode, account.now.bmc_address) == ("bios", "10.2.0.7")
    assert [document.generator for document in account.now.inventory.documents] == [
        "lshw", "hardware",
    ]  # fmt: skip
    assert account.now.inventory.identities[0].serial == "D-1"


async def test_an_inventory_that_came_later_leaves_that_of_the_deployment_as_it_was(deployed):
    machines = deployed.machines
    other = await machines.put_blob(LSHW.format(mac="52:54:00:00:00:02").encode())
    await machines.change(
        MAC,
        lambda machine: replace(
            machine, documents={"lshw": other}, memory_mib=512, firmware="uefi"
        ),
    )
    account = await deployed.installed(machines.get(MAC))
    assert (account.then.memory_mib, account.now.memory_mib) == (1024, 512)
    assert (account.then.boot_mode, account.now.boot_mode) == ("bios", "uefi")
    assert MAC in account.then.inventory.documents[0].text
    assert MAC not in account.now.inventory.documents[0].text


async def test_an_image_that_is_gone_and_a_record_of_before_tell_what_they_can(deployed, catalogue):
    machines = deployed.machines
    (catalogue / "debian-12.yaml").unlink()
    await machines._shelf.put({f"installs/{MAC}": {"deployment_id": "d1", "plan": "p"}})
    account = await deployed.installed(machines.get(MAC))
    assert (account.image_digest, account.catalogue_digest) == (None, None)
    assert account.then.inventory is None
    assert account.now.inventory is not None


async def test_a_second_deployment_and_the_end_leave_nothing_behind(deployed):
    machines = deployed.machines
    await machines.change(
        MAC,
        lambda machine: replace(
            machine, state=NodeState.FAILED_DEPLOY, documents={"lshw": machine.documents["lshw"]}
        ),
    )
    installs = Installs(machines, deployed.catalogue, lambda: "u")
    await installs.begin(machines.get(MAC), replace(SPEC, deployment_id="d2"), SiteWide())
    assert f"installs/{MAC}/hardware" not in machines._shelf.records()
    assert f"installs/{MAC}/lshw" in machines._shelf.records()
    await machines.forget(MAC)
    assert list(machines._shelf.records()) == []


async def test_logs_and_inventory_are_told_of_their_own_machine(machines, catalogue):
    accounts = Accounts(machines, ImageCatalogue(catalogue))
    assert await accounts.logs(machines.get(MAC), "deploy") == []
    inventory = await accounts.inventory(machines.get(MAC))
    assert [document.data_format for document in inventory.documents] == [
        "text/xml", "application/json",
    ]  # fmt: skip
    with pytest.raises(NodeUnknown, match="was never inspected"):
        await accounts.inventory(Machine("52:54:00:00:00:09"))


async def test_a_node_is_told_of_without_anybody_waiting_for_it(bench):
    assert await bench.driver.installed(NODE) is None
    async with bench.machine.http() as http:
        assert "kernel" not in await bench.machine.script(http)
    await bench.driver.deploy(await bench.ready(), SPEC, bench.voice)
    account = await bench.driver.installed(NODE)
    assert (account.deployment_id, account.now.memory_mib) == ("d1", 1024)
    assert account.booted_params == "BOOT_IMAGE=/vmlinuz quiet"

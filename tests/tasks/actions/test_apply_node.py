from dataclasses import replace

from drydockd.design.inventory import devices_of, hardware_of
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import DriverTransient
from drydockd.machines import Document, Inventory
from drydockd.site import Node
from tests.tasks.helpers import SITE, Lab, names, site_text


class Busy(FakeNodeProvisioner):
    """Refuses the first `refusals` network calls; the room never does."""

    refusals = 0
    calls = 0

    async def apply_network(self, handle, plan):
        self.calls += 1
        if self.calls <= self.refusals:
            raise DriverTransient("the provisioner answers 503")
        await super().apply_network(handle, plan)


def busy_lab(refusals, **changes):
    lab = Lab(site_text(1), initial="ready")
    driver = Busy(room=lab.room)
    driver.refusals = refusals
    lab.drivers = replace(lab.drivers, node=driver)
    lab.with_settings(**changes)
    lab.tasks = lab._new()
    return lab, driver


async def test_a_refused_network_is_tried_again():
    lab, driver = busy_lab(3)
    async with lab:
        task = await lab.run("deploy_nodes")
        assert task.result.status == "success"
        assert driver.calls == 4


async def test_attempts_on_the_network_come_to_an_end():
    lab, driver = busy_lab(99, network_max_retries=2)
    async with lab:
        task = await lab.run("deploy_nodes")
        assert task.result.failures == ("n1",)
        assert driver.calls == 3
        assert "503" in lab.texts(task.task_id, error=True)[0]


async def test_attempts_on_the_network_are_bounded_by_the_limit():
    lab, _ = busy_lab(99, apply_node_networking=0.1, network_max_retries=10_000)
    async with lab:
        task = await lab.run("deploy_nodes")
        text = lab.texts(task.task_id, error=True)[0]
        assert "did not happen within 0.1 s" in text
        assert "503" in text, "the last thing seen is told"


async def test_the_plans_reach_the_machines():
    async with Lab(site_text(2), initial="ready") as lab:
        await lab.run("deploy_nodes")
        for machine in lab.room._cabling.machines.values():
            assert machine.network.interfaces[0].address.mode == "static"
            assert machine.storage.root is not None
            assert machine.platform.image == "jammy"


async def test_aliases_are_the_names_lshw_gives():
    async with Lab(site_text(1), initial="ready") as lab:
        await lab.run("prepare_nodes")
        design = await lab.designs.load(SITE)
        handle = await lab.drivers.node.find(design.site.nodes["n1"])
        inventory = await lab.drivers.node.inventory(handle)

        hardware = hardware_of(design.site, design.site.nodes["n1"], inventory)

        assert hardware.name_of("nic_pxe") != "nic_pxe"
        assert hardware.nic("nic_pxe").mac
        assert names(1) == ("n1",)


class WithoutLshw(FakeNodeProvisioner):
    """Tells the devices itself, as a backend does that has no lshw."""

    async def inventory(self, handle):
        known = await super().inventory(handle)
        report = Document("agent", "application/json", "{}")
        return Inventory((report,), devices_of(Node(handle.name), known))


async def test_a_provisioner_without_lshw_deploys_too():
    lab = Lab(site_text(1), initial="ready")
    lab.drivers = replace(lab.drivers, node=WithoutLshw(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        await lab.run("prepare_nodes")
        task = await lab.run("deploy_nodes")

        assert task.result.status == "success", lab.said(task.task_id)
        [machine] = lab.room._cabling.machines.values()
        assert machine.storage.disks[0].device.serial

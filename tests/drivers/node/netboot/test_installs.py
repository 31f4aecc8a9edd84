"""Installations under way: the plan is kept, its secrets are this life's."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.assembly import SiteWide
from drydockd.drivers.node.netboot.installs import Installs
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.plandocs import document_of
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.images.catalogue import ImageCatalogue
from drydockd.machines import NodeState
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf
from tests.drivers.node.netboot.test_provisioner import NETWORK, PLATFORM, SPEC, STORAGE
from tests.drivers.node.netboot.test_provisioner import catalogue as catalogue


@pytest.fixture
async def machines():
    machines = Machines(MemoryShelf())
    await machines.save(Machine(MAC, NodeState.READY, name="n1"))
    return machines


def installs_of(machines, catalogue):
    return Installs(machines, ImageCatalogue(catalogue), lambda: "http://boot")


async def applied(machines):
    for kind, plan in (("network", NETWORK), ("storage", STORAGE), ("platform", PLATFORM)):
        await machines.put_plan(MAC, kind, document_of(plan))


async def test_a_later_life_knows_the_plan_and_waits_for_the_spec(machines, catalogue):
    await applied(machines)
    begun = await installs_of(machines, catalogue).begin(machines.get(MAC), SPEC, SiteWide())
    later = installs_of(machines, catalogue)
    await later.load(begun)
    assert later.told(begun, "s" * 64) is None
    later.join(MAC, SPEC)
    assert later.told(begun, "s" * 64)["boot"]["key"] == "k" * 64
    assert later.told(replace(begun, deployment_id="d2"), "s" * 64) is None
    later.leave(MAC)
    assert later.told(begun, "s" * 64) is None


async def test_nothing_begins_without_every_plan(machines, catalogue):
    await machines.put_plan(MAC, "network", document_of(NETWORK))
    with pytest.raises(DriverConflict, match="no storage, platform plan was applied"):
        await installs_of(machines, catalogue).begin(machines.get(MAC), SPEC, SiteWide())
    assert not ways.gives_agent(machines.get(MAC))


async def test_an_image_must_be_named_and_there(machines, catalogue):
    installs = installs_of(machines, catalogue)
    with pytest.raises(DriverUnsupported, match=r"platform\.image is not set"):
        await installs.image(None)
    with pytest.raises(DriverUnsupported, match="trusty"):
        await installs.image("trusty")


async def test_an_image_that_the_firmware_cannot_start_is_refused_before_anything_begins(
    machines, catalogue
):
    await applied(machines)
    entry = catalogue / "debian-12.yaml"
    entry.write_text(entry.read_text() + "firmware: [bios]\n")
    installs = installs_of(machines, catalogue)
    with pytest.raises(DriverUnsupported, match="boot_mode uefi: image debian-12 starts by bios"):
        await installs.begin(machines.get(MAC), SPEC, SiteWide(), "uefi")
    assert not ways.gives_agent(machines.get(MAC))
    begun = await installs.begin(machines.get(MAC), SPEC, SiteWide(), "bios")
    assert begun.phase is ways.Phase.INSTALL

"""The parts of a machine: what the design expects is what discovery finds."""

from xml.etree import ElementTree

import pytest

from drydockd.design import Designs
from drydockd.design.aliases import logical_names
from drydockd.design.inventory import hardware_of, parse_lshw
from drydockd.design.network_plan import network_plan
from drydockd.design.storage_plan import storage_plan
from drydockd.room.card import NodeCard, card_of
from drydockd.room.config import Defaults, MachineConfig
from drydockd.room.hardware import hardware_for, kernel_nic, made_up_mac
from drydockd.room.lshw import lshw_xml
from drydockd.site import DeviceAlias, HardwareProfile
from tests.designs import on_designs
from tests.room.helpers import Site, quick
from tests.sites.folder import on_site_files

BOOT_MAC = "52:54:00:00:00:99"


def hardware(card=None, **config):
    return hardware_for("m1", MachineConfig(name="x", **config), card, Defaults(), BOOT_MAC)


def resolved(aliases, **card):
    """What the design side makes of the lshw of a machine made for these aliases."""
    profile = HardwareProfile("p", devices=tuple(aliases))
    made = hardware(NodeCard("n1", aliases=profile.devices, **card))
    return logical_names(profile, parse_lshw(lshw_xml(made, "n1"))), made


def alias(name, address, bus="pci", kind=None):
    return DeviceAlias(name, address, bus, kind)


def test_nic_aliases_resolve_to_predictable_names():
    names, made = resolved(
        [alias("nic1", "0000:43:00.0", kind="X520"), alias("nic2", "0000:43:00.1")]
    )
    assert names == {"nic1": "enp67s0f0", "nic2": "enp67s0f1"}
    assert [n.product for n in made.nics] == ["X520", "Virtual Ethernet"]


def test_disk_aliases_resolve_around_the_names_the_design_uses_itself():
    aliases = [alias("bootdisk", "0:2.0.0", "scsi"), alias("journal", "0:2.1.0", "scsi")]
    names, made = resolved(aliases, disks=("bootdisk", "sda", "vdb", "journal"))
    assert names == {"bootdisk": "sdb", "journal": "sdc"}
    assert {d.name for d in made.disks} == {"sda", "sdb", "sdc", "vdb"}
    assert len({d.businfo for d in made.disks}) == 4


def test_patterns_resolve_each_to_a_nic_of_its_own():
    aliases = [
        alias("a", r"regexp:0000:(19|01):00\.\d"),
        alias("b", r"regexp:0000:01:00\.[0-7]"),
        alias("plain", "0000:01:00.0"),
    ]
    names, made = resolved(aliases)
    assert sorted(names.values()) == sorted(n.name for n in made.nics)
    assert names["plain"] == "enp1s0f0"
    assert names["a"].startswith("enp25s0")


@pytest.mark.parametrize("pattern", ["regexp:(", "regexp:no such address"])
def test_a_pattern_nothing_matches_resolves_to_itself(pattern):
    names, _ = resolved([alias("a", pattern)])
    assert names == {"a": "a"}


def test_names_of_the_kernel_keep_their_address():
    made = hardware(NodeCard("n1", nics=("enp68s0f1", "ens3", "eno1")))
    assert [(n.name, n.address) for n in made.nics] == [
        ("enp68s0f1", "0000:44:00.1"),
        ("ens3", "0000:00:03.0"),
        ("eno1", "0000:80:00.0"),
    ]


def test_an_alias_and_a_name_of_one_address_are_one_nic():
    card = NodeCard("n1", aliases=(alias("a", "0000:00:03.0"),), nics=("a", "ens3"))
    assert [(n.name, n.address) for n in hardware(card).nics] == [("ens3", "0000:00:03.0")]


def test_the_booting_nic_has_the_boot_mac_and_all_macs_differ():
    aliases = (alias("one", "0000:01:00.0"), alias("pxe", "0000:02:00.0"))
    made = hardware(NodeCard("n1", aliases=aliases, pxe_interface="pxe"))
    assert [n.mac == BOOT_MAC for n in made.nics] == [False, True]
    assert len({n.mac for n in made.nics}) == 2


def test_configured_parts_are_taken_as_they_are():
    made = hardware(
        NodeCard("n1", nics=("eno9",)),
        nics=[{"name": "eth0", "mac": "52:54:00:00:00:01"}],
        disks=[{"name": "nvme0n1", "size_gb": 100}],
    )
    assert [n.name for n in made.nics] == ["eth0"]
    assert [(d.name, d.businfo, d.size_bytes) for d in made.disks] == [
        ("nvme0n1", "nvme@0", 100 * 1000**3)
    ]


def test_without_any_hint_there_is_one_nic_and_one_disk():
    made = hardware()
    assert [n.name for n in made.nics] == ["eno1"]
    assert [d.name for d in made.disks] == ["sda"]


def test_a_machine_looks_the_same_at_every_discovery():
    card = NodeCard("n1", nics=("a", "b"), disks=("c",))
    assert hardware(card) == hardware(card)
    assert made_up_mac("m1", 1) != made_up_mac("m2", 1)


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("0000:43:00.1", "enp67s0f1"),
        ("0000:00:1f.0", "enp0s31"),
        ("43:00.0", "enp67s0"),
        ("weird", "enweird"),
    ],
)
def test_predictable_names(address, name):
    assert kernel_nic(address) == name


def test_lshw_is_wellformed_and_says_what_there_is():
    tree = ElementTree.fromstring(lshw_xml(hardware(), "n<1>"))
    assert tree.find("node").get("id") == "n<1>"
    kinds = [node.get("class") for node in tree.iter("node")]
    assert (kinds.count("processor"), kinds.count("network"), kinds.count("disk")) == (32, 1, 1)


@pytest.mark.parametrize(
    "path",
    [
        *on_designs("foundry", "two-regions", "workshop", "example-site"),
        *on_site_files(
            *("seaworthy", "seaworthy-virt", "airsloop"),
            *("gate-multinode", "intel-pod15", "atl-lab1"),
        ),
    ],
)
async def test_every_node_of_a_whole_design_finds_its_devices_and_fits(path, open_room):
    designs = Designs()
    design = await designs.compile(path.read_bytes(), path.as_uri())
    await designs.close()
    lab = Site(open_room(quick()))
    assert design.site.nodes
    for node in design.site.nodes.values():
        handle = await lab.prepare(node)
        inventory = await lab.nodes.inventory(handle)
        found = hardware_of(design.site, node, inventory)
        assert all(alias != name for alias, name in found.names.items())
        await lab.nodes.apply_network(handle, network_plan(design.site, node, found))
        await lab.nodes.apply_storage(handle, storage_plan(design.site, node, found))
        assert card_of(node).bmc == node.oob_address

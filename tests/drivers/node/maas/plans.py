"""Plans as the core computes them, and the region that fits them, for the tests of `maas`."""

from __future__ import annotations

from drydockd.drivers.node.maas.wiring import Wiring
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    DiskPlan,
    FilesystemPlan,
    InterfacePlan,
    LogicalVolumePlan,
    NetworkPlan,
    PartitionPlan,
    StoragePlan,
    VlanPlan,
    VolumeGroupPlan,
)
from tests.drivers.node.maas.apparatus import a_handle
from tests.peers.maas import documents
from tests.peers.maas.machines import add_machine
from tests.peers.maas.site import add_subnet, add_vlan
from tests.peers.maas.storage import settle

GB = 10**9
LACP = BondPlan("802.3ad", "layer3+4", "fast", 100, 200, 200)
ENO1, ENO2 = DeviceName("eno1"), DeviceName("eno2")
SDA, SDB = DeviceName("sda", serial="S-sda"), DeviceName("sdb", serial="S-sdb")


def static(address):
    return AddressPlan("static", address)


def a_vlan(**given):
    return VlanPlan(
        **{
            "network": "storage",
            "vlan_id": 200,
            "parent": "bond0",
            "mtu": 9000,
            "address": static("10.2.0.7/24"),
            **given,
        }
    )


def a_bond(**given):
    """A bond of both NICs: oam natively, storage on VLAN 200."""
    return InterfacePlan(
        **{
            "name": "bond0",
            "link": "trunk",
            "devices": (ENO1, ENO2),
            "bond": LACP,
            "mtu": 9000,
            "native_network": "oam",
            "address": static("10.1.0.7/24"),
            "vlans": (a_vlan(),),
            **given,
        }
    )


def a_single(**given):
    """One NIC on the network pxe."""
    fields = {
        "name": "pxe0",
        "link": "pxe",
        "devices": (ENO1,),
        "bond": None,
        "mtu": 1500,
        "native_network": "pxe",
        "address": AddressPlan("dhcp"),
        "vlans": (),
    }
    return InterfacePlan(**{**fields, **given})


def a_network(*interfaces, gateways=("10.1.0.1",)):
    return NetworkPlan(interfaces or (a_bond(),), gateways, (), "local")


def lay(maas):
    """The region of those plans: fabrics trunk and pxe."""
    maas.fabrics |= {100: {"name": "trunk"}, 101: {"name": "pxe"}}
    untagged = add_vlan(maas, 100, 0, "untagged", 9000)
    tagged = add_vlan(maas, 100, 200, "storage", 9000)
    pxe = add_vlan(maas, 101, 0, "untagged")
    add_subnet(maas, "10.1.0.0/24", untagged, "oam", "10.1.0.1")
    add_subnet(maas, "fd00:2::/64", tagged, "storage6")
    add_subnet(maas, "10.2.0.0/24", tagged, "storage")
    add_subnet(maas, "10.9.0.0/24", pxe, "pxe", "10.9.0.1")
    return maas


def commissioned(maas, name="n1", **given):
    """A machine of two NICs and two disks of 100 GB, and its handle."""
    machine = add_machine(maas, name, **{"bios_boot_method": "pxe", **given})
    settle(machine)
    return machine, a_handle(machine)


def wiring_of(maas):
    return Wiring(
        [documents.fabric(maas, key) for key in maas.fabrics],
        [documents.subnet(maas, key) for key in maas.subnets],
    )


def subnet_id(maas, name):
    return next(key for key, kept in maas.subnets.items() if kept["name"] == name)


def vlan_id(maas, fabric, vid):
    number = next(key for key, kept in maas.fabrics.items() if kept["name"] == fabric)
    return next(
        key for key, kept in maas.vlans.items() if (kept["fabric_id"], kept["vid"]) == (number, vid)
    )


def nic(machine, name):
    return next(kept for kept in machine.interfaces.values() if kept["name"] == name)


def links(machine, name):
    return [(link["mode"], link["ip_address"]) for link in nic(machine, name)["links"]]


# -- disks


def fs(mountpoint, fstype="ext4", **given):
    return FilesystemPlan(
        **{"fstype": fstype, "mountpoint": mountpoint, "options": "defaults"} | given
    )


def part(name, size, mountpoint=None, **given):
    filesystem = given.pop("filesystem", fs(mountpoint) if mountpoint else None)
    return PartitionPlan(name, size, filesystem=filesystem, **given)


def a_disk_plan(*partitions, device=SDA, **given):
    return DiskPlan(device, 100 * GB, partitions, **given)


def flat(*more, extra=(), groups=()):
    """/ and /boot on sda with `more` behind them."""
    sda = a_disk_plan(part("root", 30 * GB, "/", bootable=True), part("boot", GB, "/boot"), *more)
    return StoragePlan((sda, *extra), tuple(groups), ("sda", "root"), ("sda", "boot"))


def rooted(root, *more, disks=(), boot=None):
    """`root` and what is behind it on sda, and more disks."""
    return StoragePlan((a_disk_plan(root, *more), *disks), (), ("sda", root.name), boot)


def boot_elsewhere():
    boot = a_disk_plan(part("b", GB, "/boot"), device=SDB)
    return rooted(part("root", 30 * GB, "/"), disks=(boot,), boot=("sdb", "b"))


def a_group(name, members, *volumes, **given):
    return VolumeGroupPlan(name, members, volumes, **given)


def volume(name, size, mountpoint=None, **given):
    return LogicalVolumePlan(name, size, filesystem=fs(mountpoint) if mountpoint else None, **given)


def lvm():
    """/ on a logical volume of the one partition of sda, beside /boot."""
    sda = a_disk_plan(part("boot", GB, "/boot"), part("pv", 60 * GB, volume_group="sys"))
    group = a_group("sys", ("sda/pv",), volume("root", 40 * GB, "/"), volume("log", 9 * GB, "/log"))
    return StoragePlan((sda,), (group,), ("sys", "root"), ("sda", "boot"), "lvm")


def mounts(machine):
    """Mount point -> (size, file system, label, options)."""
    holders = [
        *machine.blockdevices.values(),
        *(p for device in machine.blockdevices.values() for p in device["partitions"]),
    ]
    return {
        h["filesystem"]["mount_point"]: (h["size"], h["filesystem"]["fstype"])
        for h in holders
        if h["filesystem"] and h["filesystem"]["mount_point"]
    }

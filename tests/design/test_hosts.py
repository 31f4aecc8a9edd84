"""Completed fields become models with their defaults, shared where nothing differs."""

from drydockd.design.hosts import Hosts
from drydockd.site import (
    DeviceAlias,
    HardwareProfile,
    HostProfile,
    Interface,
    LogicalVolume,
    Partition,
    Selector,
    VolumeGroup,
)

HARDWARE = HardwareProfile(
    "hw",
    devices=(
        DeviceAlias("nic1", "0000:19:00.0", "pci", "X520"),
        DeviceAlias("nic2", "0000:20:00.0", "pci"),
        DeviceAlias("disk", "0:2.0.0", "scsi"),
    ),
    cpu_sets={"iso": "2-7"},
)


def node(layer, hosts=None):
    return (hosts or Hosts()).node("n", None, layer, HARDWARE, (), None)


def test_a_profile_without_values_has_the_defaults():
    assert Hosts().profile("p", None, {}, "designed") == HostProfile("p")


def test_slaves_become_selectors_in_their_order():
    layer = {"interfaces": {"bond0": {"hardware_slaves": ("nic2", "eth5", "nic1", "disk")}}}
    found, problems = node(layer)
    assert problems == []
    assert found.interfaces[0].slave_selectors == (
        Selector("address", "0000:20:00.0", None),
        Selector("name", "eth5"),
        Selector("address", "0000:19:00.0", "X520"),
        Selector("name", "disk"),
    )


def test_interfaces_are_off_and_zero_unless_said():
    assert node({"interfaces": {"e": {}}})[0].interfaces == (Interface("e"),)
    layer = {"sriov": True, "vf_count": 4, "trustedmode": True, "network_link": "l"}
    assert node({"interfaces": {"e": layer}})[0].interfaces == (
        Interface("e", "l", sriov=True, vf_count=4, trustedmode=True),
    )


def test_filesystem_defaults_are_given_only_where_there_is_one():
    partitions = {
        "raw": {"size": "1g"},
        "fat": {"formatted": True, "fstype": "vfat"},
        "d": {"formatted": True},
    }
    (device,) = node({"storage_devices": {"sda": {"partitions": partitions}}})[0].storage_devices
    assert device.partitions == (
        Partition("raw", "1g"),
        Partition("fat", fstype="vfat", mount_options="defaults"),
        Partition("d", fstype="ext4", mount_options="defaults"),
    )


def test_physical_volumes_are_devices_then_partitions():
    found, _ = node(
        {
            "storage_devices": {
                "sda": {"partitions": {"p1": {"volume_group": "vg"}, "p2": {}}},
                "sdb": {"volume_group": "vg"},
                "sdc": {"volume_group": "other"},
            },
            "volume_groups": {"vg": {"logical_volumes": {"lv": {"size": "1g"}}}, "empty": {}},
        }
    )
    assert found.volume_groups == (
        VolumeGroup("vg", None, (LogicalVolume("lv", "1g"),), (("sdb", None), ("sda", "p1"))),
        VolumeGroup("empty"),
    )


def test_kernel_parameters_are_resolved_for_nodes_only():
    layer = {"kernel_params": {"isolcpus": "hardwareprofile:cpuset.iso"}}
    hosts = Hosts()
    assert node(layer, hosts)[0].kernel_params == {"isolcpus": "2-7"}
    profile = hosts.profile("p", None, layer, "compiled")
    assert profile.kernel_params == {"isolcpus": "hardwareprofile:cpuset.iso"}


def test_bad_references_are_the_node_s_problems():
    _, problems = node({"kernel_params": {"a": "hardwareprofile:x", "b": "hardwareprofile:y"}})
    assert len(problems) == 2


def test_what_is_shared_stays_shared():
    hosts = Hosts()
    layer = {
        "interfaces": {"e": {}},
        "storage_devices": {"sda": {}},
        "volume_groups": {"vg": {}},
        "kernel_params": {"a": "b"},
    }
    one, other = node(dict(layer), hosts)[0], node(dict(layer), hosts)[0]
    assert one.interfaces is other.interfaces
    assert one.storage_devices is other.storage_devices
    assert one.volume_groups is other.volume_groups
    assert one.kernel_params is other.kernel_params

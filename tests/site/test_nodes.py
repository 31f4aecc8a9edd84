"""A node answers what its readers ask of it."""

from drydockd.site import (
    Addressing,
    DocumentRef,
    LogicalVolume,
    Node,
    Partition,
    StorageDevice,
    VolumeGroup,
)

ADDRESSES = (
    Addressing("lan", "static", "10.0.0.1"),
    Addressing("pxe", "dhcp"),
    Addressing("lan", "static", "10.0.0.2"),
)


def test_the_first_address_on_a_network_is_the_node_s():
    node = Node("n", addressing=ADDRESSES)
    assert node.address_on("lan") == "10.0.0.1"
    assert node.address_on("pxe") is None
    assert node.address_on("gone") is None
    assert node.address_on(None) is None


def test_the_bmc_s_address_is_the_one_on_its_network():
    node = Node("n", addressing=ADDRESSES, oob_parameters={"network": "lan"})
    assert node.oob_address == "10.0.0.1"
    assert Node("n", addressing=ADDRESSES).oob_address is None


def test_a_mountpoint_is_looked_for_on_volumes_first():
    node = Node(
        "n",
        storage_devices=(
            StorageDevice("sda", partitions=(Partition("p", mountpoint="/"), Partition("q"))),
            StorageDevice("sdb", partitions=(Partition("b", mountpoint="/boot"),)),
        ),
        volume_groups=(VolumeGroup("vg", logical_volumes=(LogicalVolume("r", mountpoint="/"),)),),
    )
    assert node.block_device("/") == ("vg", "r")
    assert node.block_device("/boot") == ("sdb", "b")
    assert node.block_device("/var") is None


def test_a_node_names_its_document():
    assert Node("n").ref == DocumentRef("drydock/BaremetalNode/v1", "n")
    assert Node("n").schema == "drydock/BaremetalNode/v1"

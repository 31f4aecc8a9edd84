"""The effective design answers what its readers ask of it."""

import dataclasses

import pytest

from drydockd.site import (
    Addressing,
    BootActionSpec,
    DocumentRef,
    Finding,
    Level,
    LogicalVolume,
    Network,
    NetworkLink,
    Node,
    Partition,
    Route,
    Site,
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


@pytest.mark.parametrize("subnet", ["0.0.0.0/0", "::/0"])
def test_the_default_gateway_is_that_of_the_first_route_to_everywhere(subnet):
    routes = (Route("10.1.0.0/24", "a"), Route(None, "b"), Route(subnet, "c"), Route(subnet, "d"))
    assert Network("n", "10.0.0.0/24", routes=routes).default_gateway == "c"
    assert Network("n", "10.0.0.0/24", routes=routes[:2]).default_gateway is None


@pytest.mark.parametrize(
    ("primary", "domain"),
    [("lan", "x.org"), ("empty", "local"), ("gone", "local"), (None, "local")],
)
def test_the_domain_is_that_of_the_primary_network(primary, domain):
    networks = {
        "lan": Network("lan", "10.0.0.0/24", dns_domain="x.org"),
        "empty": Network("empty", "10.0.0.0/24", dns_domain=""),
    }
    node = Node("n", primary_network=primary)
    site = Site(networks=networks, nodes={"n": node})
    assert site.domain_of(node) == domain
    assert site.fqdn_of(node) == f"n.{domain}"


def test_boot_actions_of_a_node_are_in_document_order():
    specs = [
        BootActionSpec("z", target_nodes=("n", "m")),
        BootActionSpec("a", target_nodes=("n",)),
        BootActionSpec("none"),
    ]
    site = Site(bootactions={spec.name: spec for spec in specs})
    assert [spec.name for spec in site.bootactions_of("n")] == ["z", "a"]
    assert site.bootactions_of("gone") == ()


def test_static_addresses_are_in_design_order():
    nodes = {name: Node(name, addressing=ADDRESSES[:2]) for name in ("b", "a")}
    found = [(node.name, entry.address) for node, entry in Site(nodes=nodes).static_addresses()]
    assert found == [("b", "10.0.0.1"), ("a", "10.0.0.1")]


def test_models_name_their_documents():
    assert Node("n").ref == DocumentRef("drydock/BaremetalNode/v1", "n")
    assert Node("n").schema == "drydock/BaremetalNode/v1"
    assert Network("n", "x").ref == DocumentRef("drydock/Network/v1", "n")
    assert NetworkLink("n").ref == DocumentRef("drydock/NetworkLink/v1", "n")
    assert BootActionSpec("n").ref == DocumentRef("drydock/BootAction/v1", "n")


def test_only_errors_are_errors():
    levels = {level: Finding("DD000", level, "x").error for level in Level}
    assert levels == {Level.ERROR: True, Level.WARNING: False, Level.INFO: False}


def test_nothing_of_a_site_can_be_assigned():
    for thing, name in ((Site(), "nodes"), (Node("n"), "tags"), (Route(None, None), "metric")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, ())

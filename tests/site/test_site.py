"""A site answers what its readers ask of it."""

import dataclasses

import pytest

from drydockd.site import Addressing, BootActionSpec, Network, Node, Route, Site

ADDRESSES = (
    Addressing("lan", "static", "10.0.0.1"),
    Addressing("pxe", "dhcp"),
    Addressing("lan", "static", "10.0.0.2"),
)


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


def test_nothing_of_a_site_can_be_assigned():
    for thing, name in ((Site(), "nodes"), (Node("n"), "tags"), (Route(None, None), "metric")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, name, ())

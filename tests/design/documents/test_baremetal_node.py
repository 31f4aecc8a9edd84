"""BaremetalNode documents."""

import pytest

from drydockd.site import Addressing
from tests.design.helpers import document, node, only_finding, site_of


def test_addresses_are_static_or_dhcp():
    found = site_of(
        node(
            "n",
            addressing=[
                {"network": "lan", "address": "10.9.0.11", "more": 1},
                {"network": "pxe", "address": "dhcp"},
                {"network": "odd", "address": "DHCP"},
            ],
            metadata={"boot_mac": "52:54:00:00:00:01"},
        )
    ).nodes["n"]
    assert found.addressing == (
        Addressing("lan", "static", "10.9.0.11"),
        Addressing("pxe", "dhcp"),
        Addressing("odd", "static", "DHCP"),
    )
    assert found.boot_mac == "52:54:00:00:00:01"


@pytest.mark.parametrize(
    ("addressing", "where"),
    [
        ([{"network": "lan"}], "addressing[0].address: is required"),
        ([{"network": "lan", "address": ""}], "addressing[0].address"),
        ([{"network": "lan", "address": None}], "addressing[0].address"),
        ([{"address": "dhcp"}], "addressing[0].network: is required"),
        ({"lan": "dhcp"}, "addressing: a list is required"),
    ],
)
def test_a_bad_address_is_a_violation(addressing, where):
    finding = only_finding(node("n", addressing=addressing))
    assert finding.code == "DD001"
    assert where in finding.message


def test_a_node_needs_an_address():
    assert only_finding(document("BaremetalNode", "n", {})).code == "DD001"
    finding = only_finding(node("n", addressing=[]))
    assert (finding.code, finding.documents[0].name) == ("DD000", "n")


@pytest.mark.parametrize(
    "spelt", ["52:54:00:AA:BB:01", "52-54-00-aa-bb-01", "5254.00aa.bb01", "525400aabb01"]
)
def test_a_boot_mac_is_kept_in_one_notation(spelt):
    assert site_of(node("n", metadata={"boot_mac": spelt})).nodes["n"].boot_mac == (
        "52:54:00:aa:bb:01"
    )


def test_an_empty_boot_mac_is_none():
    assert site_of(node("n", metadata={"boot_mac": ""})).nodes["n"].boot_mac is None


@pytest.mark.parametrize("spelt", ["52:54:00:aa:bb", "eno1", "52:54:00:aa:bb:zz"])
def test_a_boot_mac_that_is_none_is_an_error(spelt):
    finding = only_finding(node("n", metadata={"boot_mac": spelt}))
    assert (finding.code, "metadata.boot_mac: a MAC address" in finding.message) == ("DD001", True)
    assert spelt in finding.message

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

"""Network documents."""

import pytest

from drydockd.site import AddressRange, Network, Route
from tests.design.helpers import document, only_finding, site_of


def network(**data):
    return document("Network", "n", {"cidr": "10.0.0.0/24"} | data)


def test_a_whole_network_is_taken_in():
    site = site_of(
        network(
            vlan="100",
            mtu=9000.0,
            routedomain="st",
            ranges=[{"type": "dhcp", "start": "10.0.0.5", "end": "10.0.0.9"}],
            dns={"domain": "example.org", "servers": "1.1.1.1 8.8.8.8"},
            dhcp_relay={"self_ip": "10.0.0.2", "upstream_target": "10.1.0.2"},
            routes=[{"subnet": "0.0.0.0/0", "gateway": "10.0.0.1", "metric": 10}, {"gateway": "x"}],
            labels={"noconfig": True},
        )
    )
    assert site.networks["n"] == Network(
        "n", "10.0.0.0/24", "100", 9000, "st", (AddressRange("dhcp", "10.0.0.5", "10.0.0.9"),),
        "example.org", "1.1.1.1 8.8.8.8", "10.0.0.2", "10.1.0.2",
        (Route("0.0.0.0/0", "10.0.0.1", 10), Route(None, "x")), {"noconfig": "True"},
    )  # fmt: skip
    assert site.networks["n"].default_gateway == "10.0.0.1"


def test_defaults():
    assert site_of(network()).networks["n"] == Network("n", "10.0.0.0/24")


def test_an_invalid_cidr_or_gateway_is_left_to_the_rules():
    site = site_of(network(cidr="nonsense", routes=[{"gateway": "nonsense"}]))
    assert site.networks["n"].cidr == "nonsense"


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"cidr": None}, "cidr"),
        ({"vlan": 100}, "vlan: a string is required, not 100"),
        ({"vlan": "4095"}, "vlan"),
        ({"mtu": "9000"}, "mtu"),
        ({"ranges": [{"type": "all", "start": "10.0.0.1", "end": "10.0.0.2"}]}, "ranges[0].type"),
        ({"ranges": [{"type": "dhcp", "start": "x", "end": "10.0.0.2"}]}, "ranges[0].start"),
        ({"ranges": [{"type": "dhcp", "start": "10.0.0.1"}]}, "ranges[0].end: is required"),
        ({"dns": {"server": "x"}}, "dns: unknown key server"),
        ({"dhcp_relay": {"self_ip": "x"}}, "dhcp_relay.self_ip"),
        ({"routes": [{"metric": "5"}]}, "routes[0].metric"),
        ({"routes": [{"via": "5"}]}, "routes[0]: unknown key via"),
        ({"labels": {"a": {}}}, "labels.a"),
    ],
)
def test_a_violation_is_told_with_its_path(data, where):
    assert where in only_finding(network(**data)).message

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


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        *(("0.0.0.0/0", "0.0.0.0/0"), ("::/0", "::/0"), ("0::0/0", "::/0")),
        *(("10.1.0.0/255.255.0.0", "10.1.0.0/16"), ("10.1.2.3", "10.1.2.3/32")),
        ("2001:0DB8::/32", "2001:db8::/32"),
    ],
)
def test_the_subnet_of_a_route_is_kept_in_one_spelling(written, kept):
    cidr = "2001:db8::/64" if ":" in written else "10.0.0.0/24"
    site = site_of(network(cidr=cidr, routes=[{"subnet": written, "gateway": "x"}]))
    assert site.networks["n"].routes[0].subnet == kept


@pytest.mark.parametrize(
    ("written", "right"),
    [
        *(("0/0", "0.0.0.0/0"), ("default", "0.0.0.0/0"), (" 0.0.0.0/0", "0.0.0.0/0")),
        *(("10.1.2.3/16", "10.1.0.0/16"), ("10.1.0.0 /16", "10.1.0.0/16")),
        *(("2001:db8::1/64", "2001:db8::/64"), ("nonsense", "such as"), ("10.1.0.0/33", "such as")),
    ],
)
def test_the_subnet_of_a_route_that_is_none_is_refused_with_the_right_spelling(written, right):
    finding = only_finding(network(routes=[{"subnet": written, "gateway": "10.0.0.1"}]))
    assert finding.code == "DD001"
    assert "routes[0].subnet: a network in CIDR form is required" in finding.message
    assert right in finding.message


@pytest.mark.parametrize(
    "servers", ["1.1.1.1, 8.8.8.8;9.9.9.9", "1.1.1.1\n2001:db8::53", "1.1.1.1,,8.8.8.8,", ""]
)
def test_name_servers_are_parted_by_commas_semicolons_and_blanks(servers):
    assert site_of(network(dns={"servers": servers})).networks["n"].dns_servers == servers


@pytest.mark.parametrize("servers", ["1.1.1.1 ns1.example.org", "1.1.1.1/24", "1.1.1.1|8.8.8.8"])
def test_a_name_server_that_is_no_address_is_named(servers):
    finding = only_finding(network(dns={"servers": servers}))
    assert "dns.servers: a list of IP addresses is required" in finding.message
    assert servers.split()[-1] in finding.message


@pytest.mark.parametrize(
    ("cidr", "subnet"), [("10.0.0.0/24", "::/0"), ("2001:db8::/64", "0.0.0.0/0")]
)
def test_a_route_to_the_other_address_family_is_an_error(cidr, subnet):
    finding = only_finding(network(cidr=cidr, routes=[{"subnet": subnet, "gateway": "x"}]))
    assert "routes[0].subnet: an IPv" in finding.message

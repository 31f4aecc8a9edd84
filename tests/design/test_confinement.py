"""Hosts are reached only where the options allow, and some addresses never."""

import pytest

from drydockd.design.confinement import Hosts, ServiceHosts
from drydockd.errors import InvalidDesign


def allows(hosts: Hosts, host: str, address: str, port: int = 80) -> bool:
    try:
        hosts.check_name("ref", host, port)
        hosts.check_address("ref", host, port, address)
    except InvalidDesign as error:
        return not any(text in str(error) for text in ("network.allowed_hosts", "no option allows"))
    return True


PUBLIC = ["8.8.8.8", "2606:4700::1111"]
PRIVATE = ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "fd00::1", "198.18.0.1"]
LOOPBACK = ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"]
NEVER = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "fd00:ec2::254", "100.100.100.200",
    "192.0.0.192", "168.63.129.16", "0.0.0.0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
    "240.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1",
    "::169.254.169.254", "::ffff:0.0.0.0",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_without_a_list_any_public_address_is_allowed(address):
    assert allows(Hosts(), "h.example", address)


@pytest.mark.parametrize("address", PRIVATE + LOOPBACK + NEVER)
def test_without_a_list_nothing_else_is(address):
    assert not allows(Hosts(), "h.example", address)


@pytest.mark.parametrize("address", PUBLIC + PRIVATE)
def test_a_listed_host_may_be_private(address):
    assert allows(Hosts(["h.example"]), "h.example", address)


@pytest.mark.parametrize("address", LOOPBACK + NEVER)
def test_a_listed_host_may_not_turn_out_to_be_this_one(address):
    assert not allows(Hosts(["h.example"]), "h.example", address)


@pytest.mark.parametrize(
    ("host", "address"), [("localhost", "127.0.0.1"), ("127.0.0.1", "127.0.0.1"), ("::1", "::1")]
)
def test_loopback_is_listed_by_its_own_name(host, address):
    assert not allows(Hosts(), host, address)
    assert allows(Hosts([host]), host, address)
    assert allows(Hosts(allow_loopback=True), host, address)


@pytest.mark.parametrize("address", NEVER)
def test_no_option_allows_metadata_and_link_local(address):
    hosts = Hosts(["*", "h", address], allow_private=True, allow_loopback=True)
    assert not allows(hosts, "h", address)
    assert not allows(hosts, address, address)


@pytest.mark.parametrize(
    ("entry", "host", "port", "allowed"),
    [
        ("h", "h", 80, True),
        ("H", "h", 80, True),
        ("h", "x", 80, False),
        ("h:81", "h", 81, True),
        ("h:81", "h", 80, False),
        ("*.example.org", "a.b.example.org", 80, True),
        ("*.example.org:81", "a.example.org", 81, True),
        ("*.example.org", "example.org", 80, False),
        ("*.example.org", "evilexample.org", 80, False),
        ("*", "anything", 80, True),
        ("[fd00::1]:81", "fd00::1", 81, True),
        ("fd00::1", "fd00::1", 80, True),
    ],
)
def test_a_list_names_hosts_ports_and_domains(entry, host, port, allowed):
    assert allows(Hosts([entry]), host, "8.8.8.8", port) is allowed


def test_a_star_does_not_open_private_addresses():
    assert not allows(Hosts(["*"]), "h", "10.0.0.1")
    assert not allows(Hosts(["*.x"]), "h.x", "10.0.0.1")
    assert allows(Hosts(["*"], allow_private=True), "h", "10.0.0.1")


def test_the_service_token_goes_to_listed_hosts_only():
    services = ServiceHosts(["deckhand:9000"])
    services.check_name("ref", "deckhand", 9000)
    for host, port in (("deckhand", 80), ("other", 9000)):
        with pytest.raises(InvalidDesign, match=r"auth\.service_hosts"):
            services.check_name("ref", host, port)


def test_a_trusted_host_counts_as_listed_and_restricts_nobody():
    hosts = Hosts(trusted=["deckhand"])
    assert allows(hosts, "deckhand", "10.0.0.1")
    assert allows(hosts, "h.example", "8.8.8.8")
    assert not allows(hosts, "h.example", "10.0.0.1")
    assert allows(Hosts(["other"], trusted=["deckhand"]), "deckhand", "10.0.0.1")


# What a range is: public to all, private (for hosts listed by name), loopback, or for nobody.
# The two ends of each, and its neighbours where they are something else.
RANGES = [
    ("public", "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 128.0.0.0 172.32.0.0"),
    ("public", "192.0.1.255 192.88.98.255 192.88.100.0 198.17.255.255 198.20.0.0 223.255.255.255"),
    ("public", "192.31.196.1 192.52.193.1 192.175.48.1"),  # anycast that IANA calls global
    ("private", "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"),
    ("private", "100.64.0.0 100.127.255.255"),  # shared by carriers, RFC 6598
    ("private", "198.18.0.0 198.19.255.255"),  # benchmarks
    ("private", "192.0.0.0 192.0.0.9 192.0.0.10 192.0.0.170 192.0.0.255"),  # PCP, TURN: one's own
    ("private", "192.0.2.1 198.51.100.1 203.0.113.1 2001:db8::1 3fff::1 3fff:fff::1"),  # examples
    ("private", "fc00::1 fdff:ffff::1 fec0::1 feff:ffff::1"),  # fec0::/10: RFC 3879
    ("private", "2001:1::1 2001:1::2 2001:1::3 2001:2::1 2001:1ff::1"),
    ("loopback", "127.0.0.0 127.255.255.255 ::1"),
    ("nobody", "0.0.0.0 0.255.255.255 169.254.0.0 169.254.255.255 224.0.0.0 255.255.255.255"),
    ("nobody", "192.88.99.0 192.88.99.255"),  # relays of 6to4, RFC 7526
    ("nobody", ":: fe80::1 febf::1 ff00::1 ffff::1 100::1 100:0:0:1::1 5f00::1 4000::1 1fff::1"),
    ("nobody", "2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2"),  # Teredo, whatever is in it
    ("nobody", "2001:10::1 2001:2f:ffff::1 2001:3f:ffff::1"),  # ORCHID and DRIP are no addresses
    ("public", "2001:200::1 2000::1 2001:3::1 2001:4:112::1 2620:4f:8000::1 3ffe::1"),
    # IPv4 in IPv6 is what is in it: mapped, compatible, NAT64, 6to4, ISATAP.
    ("public", "::ffff:8.8.8.8 ::8.8.8.8 64:ff9b::808:808 2002:808:808::1 2a00::5efe:808:808"),
    ("private", "::ffff:10.0.0.1 ::10.0.0.1 64:ff9b::a00:1 2002:a00:1::1 2a00::5efe:a00:1"),
    ("private", "::ffff:100.64.0.1 64:ff9b::6440:1 2002:6440:1::1 2a00::200:5efe:a00:1"),
    ("loopback", "::ffff:127.0.0.1 ::127.0.0.1 64:ff9b::7f00:1 2002:7f00:1::1 2a00::5efe:7f00:1"),
    ("nobody", "::ffff:0.0.0.0 64:ff9b::a9fe:1 2002:a9fe:1::1 64:ff9b::c058:6301"),
    ("nobody", "2a00::5efe:a9fe:a9fe ::ffff:168.63.129.16 64:ff9b::a83f:8110"),
    # Translated (RFC 2765) and NAT64 for local use (RFC 8215): where IPv4 is in it depends.
    ("nobody", "::ffff:0:10.0.0.1 ::ffff:0:8.8.8.8 64:ff9b:1::a00:1 64:ff9b:1:fffe::7f00:1"),
]


@pytest.mark.parametrize(
    ("kind", "address"), [(kind, text) for kind, texts in RANGES for text in texts.split()]
)
def test_every_special_range_is_what_it_is(kind, address):
    assert allows(Hosts(), "h", address) is (kind == "public")
    assert allows(Hosts(["h"]), "h", address) is (kind in ("public", "private"))
    assert allows(Hosts(allow_private=True), "h", address) is (kind in ("public", "private"))
    assert allows(Hosts(allow_loopback=True), "h", address) is (kind in ("public", "loopback"))
    everything = Hosts(["h"], allow_private=True, allow_loopback=True)
    assert allows(everything, "h", address) is (kind != "nobody")

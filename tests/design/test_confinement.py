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

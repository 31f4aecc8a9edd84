"""dnsmasq's configuration."""

from pathlib import Path

import pytest

from drydockd.drivers.node.netboot.dhcpconf import (
    LocalInterface,
    Places,
    boot_networks,
    dnsmasq_conf,
    host_line,
)
from drydockd.errors import DriverPersistent
from drydockd.site import AddressRange, Network, Route

ETH = LocalInterface("eth1", ("10.20.0.1/24", "fd20::1/64"))
PXE = Network(
    "pxe",
    "10.20.0.0/24",
    ranges=(AddressRange("dhcp", "10.20.0.100", "10.20.0.199"),),
    dns_servers="10.0.0.53,10.0.0.54",
    dns_domain="lab.example",
    routes=(Route("0.0.0.0/0", "10.20.0.254", 10),),
)
STATIC = Network("lan", "10.21.0.0/24", ranges=(AddressRange("static", "10.21.0.2", "10.21.0.9"),))
PLACES = Places(Path("/x/leases"), Path("/x/hosts"), Path("/x/tftp"))


def conf(*networks, interfaces=(ETH,)):
    served = boot_networks({network.name: network for network in networks}, interfaces)
    return dnsmasq_conf(served, PLACES, "http://10.20.0.1:9100").splitlines()


def test_only_networks_with_a_dhcp_range_are_served_and_only_on_their_interface():
    lines = conf(PXE, STATIC)
    assert [line for line in lines if line.startswith("interface=")] == ["interface=eth1"]
    assert "bind-interfaces" in lines
    assert "dhcp-range=set:pxe,10.20.0.100,10.20.0.199,255.255.255.0,3600" in lines
    assert not [line for line in lines if "10.21." in line]


def test_ipxe_gets_the_script_and_others_their_first_file():
    lines = conf(PXE)
    assert (
        "dhcp-boot=tag:ipxe,http://10.20.0.1:9100/boot/ipxe?mac=${netX/mac}&uuid=${uuid}"
        "&serial=${serial}&platform=${platform}"
    ) in lines
    assert "dhcp-boot=tag:!ipxe,tag:bios,undionly.kpxe" in lines
    assert "dhcp-boot=tag:!ipxe,tag:uefi,ipxe.efi" in lines


def test_options_are_the_networks_own():
    lines = conf(PXE)
    assert "dhcp-option=tag:pxe,option:router,10.20.0.254" in lines
    assert "dhcp-option=tag:pxe,option:dns-server,10.0.0.53,10.0.0.54" in lines
    assert "dhcp-option=tag:pxe,option:domain-name,lab.example" in lines


def relayed(target):
    return Network(
        "far", "10.30.0.0/24", ranges=(AddressRange("dhcp", "10.30.0.10", "10.30.0.20"),),
        dhcp_relay_upstream_target=target,
    )  # fmt: skip


def test_a_relayed_network_needs_no_interface_but_one_of_our_addresses():
    assert "dhcp-range=set:far,10.30.0.10,10.30.0.20,255.255.255.0,3600" in conf(
        relayed("10.20.0.1")
    )
    with pytest.raises(DriverPersistent, match=r"upstream_target 10.9.9.9 is no address"):
        conf(relayed("10.9.9.9"))


def test_a_network_of_none_of_our_interfaces_says_what_is_missing():
    with pytest.raises(DriverPersistent, match="no interface of this host has an address in"):
        conf(relayed(None))


def test_a_range_outside_of_its_network_is_refused():
    stray = Network("pxe", "10.20.0.0/24", ranges=(AddressRange("dhcp", "10.20.0.5", "10.20.1.5"),))
    with pytest.raises(DriverPersistent, match=r"10.20.1.5 is not in 10.20.0.0/24"):
        conf(stray)


def test_networks_that_would_share_a_tag_are_refused():
    with pytest.raises(DriverPersistent, match="differ by punctuation only"):
        boot_networks({n: Network(n, PXE.cidr, ranges=PXE.ranges) for n in ("a-b", "a_b")}, [ETH])


def test_a_reservation_is_one_line_and_holds_a_host_name():
    assert host_line("52:54:00:00:00:01", "10.20.0.7", "n1") == "52:54:00:00:00:01,10.20.0.7,n1\n"
    assert "[fd20::7]" in host_line("52:54:00:00:00:01", "fd20::7", "n1")
    with pytest.raises(DriverPersistent, match="no host name"):
        host_line("52:54:00:00:00:01", "10.20.0.7", "n1,set:evil")


def announced(*networks, **options):
    return [
        line for line in conf(*networks, **options) if line.startswith(("dhcp-range=::", "ra-"))
    ]


def test_a_local_prefix_of_the_boot_interface_is_announced_without_a_router():
    # iPXE waits 12 s for an advertisement.
    assert announced(PXE) == ["dhcp-range=::,constructor:eth1,ra-only", "ra-param=eth1,60,0"]


@pytest.mark.parametrize("addresses", [(), ("2001:db8::1/64",)])
def test_a_prefix_of_the_world_is_left_to_its_own_router(addresses):
    eth = LocalInterface("eth1", ("10.20.0.1/24", *addresses))
    assert announced(PXE, interfaces=(eth,)) == []


def test_an_interface_with_dhcp_for_ipv6_is_announced_by_that_already():
    six = Network("six", "fd20::/64", ranges=(AddressRange("dhcp", "fd20::100", "fd20::199"),))
    assert announced(PXE, six) == []


def test_nothing_is_announced_beside_the_sites_own_server():
    served = boot_networks({"pxe": PXE}, (ETH,))
    assert "constructor" not in dnsmasq_conf(served, PLACES, "http://10.20.0.1:9100", is_proxy=True)

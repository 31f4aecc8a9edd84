"""Who gives machines their addresses."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.addresses import OwnAddresses, SiteAddresses, addresses_of
from drydockd.drivers.node.netboot.dhcpconf import LocalInterface
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import DriverPersistent
from drydockd.site import Addressing, AddressRange, Network
from tests.design.rules.helpers import a_node
from tests.drivers.node.netboot.noted import Noted
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf

PXE = Network("pxe", "10.20.0.0/24", ranges=(AddressRange("dhcp", "10.20.0.100", "10.20.0.199"),))
LAN = Network("lan", "10.21.0.0/24")
NODE = replace(
    a_node("n1"),
    addressing=(Addressing("lan", "static", "10.21.0.7"), Addressing("pxe", "static", "10.20.0.7")),
)


async def here():
    return [LocalInterface("eth1", ("10.20.0.1/24",))]


async def two_here():
    return [*await here(), LocalInterface("eth2", ("10.40.0.1/24",))]


@pytest.fixture
async def own():
    own = OwnAddresses(Noted(), gives_addresses=True, interfaces=here)
    await own.start(MemoryShelf())
    return own


async def test_networks_with_a_range_are_served_and_a_second_time_nothing_changes(own):
    (note,) = await own.apply({"pxe": PXE, "lan": LAN})
    assert note.text == "network pxe: served now, on eth1"
    (note,) = await own.apply({"pxe": PXE, "lan": LAN})
    assert note.text == "network pxe: served as before, on eth1"


async def test_a_restarted_daemon_serves_them_again_without_being_told(own):
    await own.apply({"pxe": PXE})
    again = OwnAddresses(Noted(), gives_addresses=True, interfaces=here)
    await again.start(own._shelf)
    assert [network.name for network in again._dnsmasq.applied[-1]] == ["pxe"]


async def test_a_nodes_address_on_a_boot_network_is_reserved_for_its_mac(own):
    assert await own.reserve(MAC, NODE) is None
    await own.apply({"pxe": PXE, "lan": LAN})
    assert await own.reserve(MAC, NODE) == "10.20.0.7"
    assert own._dnsmasq.reserved == [(MAC, "10.20.0.7", "n1")]
    await own.release(MAC)
    assert own._dnsmasq.released == [MAC]


async def test_with_proxy_dhcp_addresses_are_the_sites():
    proxy = OwnAddresses(Noted(), gives_addresses=False, interfaces=here)
    await proxy.start(MemoryShelf())
    await proxy.apply({"pxe": PXE})
    assert await proxy.reserve(MAC, NODE) is None


async def test_a_network_nobody_could_serve_is_refused_before_anything_changes(own):
    far = replace(
        PXE, cidr="10.30.0.0/24", ranges=(AddressRange("dhcp", "10.30.0.5", "10.30.0.9"),)
    )
    with pytest.raises(DriverPersistent, match="no interface of this host"):
        await own.apply({"pxe": far})
    assert own._dnsmasq.applied == []


async def test_2_a_machine_may_ask_only_through_the_interface_of_its_boot_network(own):
    assert own.interfaces_for(None) == own.interfaces_for("10.20.0.7") == frozenset()
    far = replace(
        PXE,
        name="far",
        cidr="10.40.0.0/24",
        ranges=(AddressRange("dhcp", "10.40.0.5", "10.40.0.9"),),
    )
    own._interfaces = two_here
    await own.apply({"pxe": PXE, "far": far})
    assert own.interfaces_for("10.20.0.7") == {"eth1"}
    assert own.interfaces_for("10.40.0.7") == {"eth2"}
    assert own.interfaces_for(None) == {"eth1", "eth2"}
    assert own.interfaces_for("10.99.0.7") == frozenset()


async def test_2_behind_a_relay_routes_decide_through_which_interface_a_machine_comes(own):
    far = replace(
        PXE,
        cidr="10.30.0.0/24",
        ranges=(AddressRange("dhcp", "10.30.0.5", "10.30.0.9"),),
        dhcp_relay_upstream_target="10.20.0.1",
    )
    await own.apply({"pxe": far})
    assert own.interfaces_for("10.30.0.7") is own.interfaces_for(None) is None


@pytest.mark.parametrize(
    ("dhcp", "base_url", "is_bound"),
    [("own", "http://x", True), ("proxy", "http://x", True), ("proxy", "https://x", False),
     ("none", "http://x", False)],
)  # fmt: skip
async def test_2_who_comes_by_somebody_in_front_is_not_told_by_an_interface(
    dhcp, base_url, is_bound, tmp_path
):
    options = NetbootOptions(base_url=base_url, dhcp=dhcp, state=tmp_path)
    assert (addresses_of(options).interfaces_for(None) is not None) is is_bound


async def test_a_dead_dnsmasq_fails_the_check(own):
    assert not any(note.error for note in own.check())
    own._dnsmasq.sick = "dnsmasq does not run"
    assert [note.error for note in own.check()] == [True]


async def test_a_site_that_does_it_itself_is_left_alone():
    site = addresses_of(NetbootOptions(base_url="http://x", dhcp="none"))
    assert isinstance(site, SiteAddresses)
    (note,) = await site.apply({"pxe": PXE, "lan": LAN})
    assert "must point at us" in note.text
    assert await site.reserve(MAC, NODE) is None


@pytest.mark.parametrize(("gives_addresses", "reserved"), [(True, 1), (False, 0)])
async def test_who_takes_the_work_over_reserves_what_was_reserved(gives_addresses, reserved):
    next_one = OwnAddresses(Noted(), gives_addresses=gives_addresses, interfaces=here)
    await next_one.start(MemoryShelf())
    await next_one.restore(MAC, "10.20.0.7", "n1")
    assert next_one._dnsmasq.reserved == [(MAC, "10.20.0.7", "n1")] * reserved

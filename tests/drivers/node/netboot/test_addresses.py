"""Who gives machines their addresses."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.addresses import OwnAddresses, SiteAddresses, addresses_of
from drydockd.drivers.node.netboot.dhcpconf import LocalInterface
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import DriverPersistent
from drydockd.site import Addressing, AddressRange, Network
from tests.design.rules.helpers import a_node
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf

PXE = Network("pxe", "10.20.0.0/24", ranges=(AddressRange("dhcp", "10.20.0.100", "10.20.0.199"),))
LAN = Network("lan", "10.21.0.0/24")
NODE = replace(
    a_node("n1"),
    addressing=(Addressing("lan", "static", "10.21.0.7"), Addressing("pxe", "static", "10.20.0.7")),
)


class Noted:
    """Stands for dnsmasq: remembers what it is told."""

    def __init__(self):
        self.applied, self.reserved, self.released, self.sick = [], [], [], None

    async def apply(self, networks):
        is_new = not self.applied or self.applied[-1] != networks
        self.applied.append(networks)
        return is_new

    async def reserve(self, *reservation):
        self.reserved.append(reservation)

    async def release(self, macs):
        self.released += macs

    def problem(self):
        return self.sick

    async def close(self):
        pass


async def here():
    return [LocalInterface("eth1", ("10.20.0.1/24",))]


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

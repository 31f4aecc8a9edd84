"""This host's interfaces."""

import pytest

from drydockd.drivers.node.netboot.dhcpconf import LocalInterface
from drydockd.drivers.node.netboot.interfaces import local_interfaces, parse


def test_addresses_are_told_without_loopback_and_link_local_ones():
    links = [
        {"ifname": "lo", "flags": ["LOOPBACK"], "addr_info": [{"local": "127.0.0.1",
         "prefixlen": 8, "scope": "host"}]},
        {"ifname": "eth1", "flags": ["UP"], "addr_info": [
            {"local": "10.0.0.1", "prefixlen": 24, "scope": "global"},
            {"local": "fe80::1", "prefixlen": 64, "scope": "link"}]},
        {"ifname": "eth2", "flags": [], "addr_info": [{}]},
    ]  # fmt: skip
    assert parse(links) == [LocalInterface("eth1", ("10.0.0.1/24",))]


@pytest.mark.peer("ip")
async def test_the_kernel_answers():
    assert isinstance(await local_interfaces(), list)

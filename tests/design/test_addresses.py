import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design.addresses import network_form, pack, pack_network

ADDRESSES = st.ip_addresses().map(str)


@given(ADDRESSES)
def test_packing_agrees_with_the_library(text):
    assert pack(text) == ipaddress.ip_address(text).packed


@pytest.mark.parametrize("text", ["", "10.9.0", "10.9.0.01", "10.9.0.256", "x", ":", "a\0", "1/2"])
def test_what_is_no_address_packs_to_none(text):
    assert pack(text) is None


@given(ADDRESSES, st.integers(0, 32), ADDRESSES)
def test_a_network_holds_what_the_library_says_it_holds(base, prefix, other):
    network = ipaddress.ip_network(f"{base}/{prefix}", strict=False)

    packed = pack_network(str(network))

    assert packed.prefix == prefix
    assert packed.holds(pack(other)) == (ipaddress.ip_address(other) in network)


def test_host_bits_make_no_network_but_have_a_network_form():
    assert pack_network("10.9.0.1/24") is None
    assert network_form("10.9.0.1/24") == "10.9.0.0/24"


def test_what_is_no_network_has_no_form():
    assert pack_network("lan") is None
    assert network_form("lan") is None

"""The template context of a node."""

import pytest

from drydockd.errors import RenderError
from drydockd.render import ActionGrant, node_context
from drydockd.render.context import action_context
from drydockd.site import Addressing, Interface
from tests.designs import LOADING, answers
from tests.render.helpers import GRANT, a_site, the_node, whole_site

OAM = Addressing("oam", "static", "10.0.0.5")
PXE = Addressing("pxe", "dhcp")


def of(**node):
    site = a_site(**node)
    return node_context(site, the_node(site))


@pytest.mark.parametrize("name", LOADING)
def test_the_context_of_the_nodes_of_whole_designs(name):
    site = whole_site(name)
    for host, answer in answers(name, "effective")["nodes"].items():
        if "context" in answer:
            assert node_context(site, site.nodes[host]) == answer["context"]


def test_only_networks_with_a_static_address_are_there():
    assert of(addressing=(OAM, PXE))["network"] == {
        "oam": {"ip": "10.0.0.5", "cidr": "10.0.0.0/24", "dns_suffix": "example.org"}
    }


def test_default_is_the_very_entry_of_the_primary_network():
    network = of(addressing=(OAM, PXE), primary_network="oam")["network"]
    assert network["default"] is network["oam"]
    assert "default" not in of(addressing=(OAM, PXE), primary_network="pxe")["network"]


def test_of_two_addresses_on_one_network_the_first_counts():
    second = Addressing("oam", "static", "10.0.0.6")
    assert of(addressing=(OAM, second))["network"]["oam"]["ip"] == "10.0.0.5"


def test_an_address_on_a_network_nobody_defines_is_an_error_that_names_it():
    with pytest.raises(RenderError, match=r"n1: has the address 1\.2\.3\.4 on network gone"):
        of(addressing=(Addressing("gone", "static", "1.2.3.4"),))


def test_sriov_shows_its_details_only_when_it_is_on():
    interfaces = (Interface("ens1"), Interface("ens2", sriov=True, vf_count=4, trustedmode=True))
    assert of(interfaces=interfaces)["interfaces"] == {
        "ens1": {"sriov": False},
        "ens2": {"sriov": True, "vf_count": 4, "trustedmode": True},
    }


def test_without_a_grant_an_action_has_neither_id_nor_key():
    assert action_context(None, report_url="u", design_ref="d") == {
        "report_url": "u",
        "design_ref": "d",
    }
    assert action_context(GRANT, report_url="u", design_ref="d")["action_key"] == GRANT.action_key


def test_a_grant_does_not_show_its_key():
    assert "secret" not in repr(ActionGrant("id", "secret"))

import pytest

from drydockd.design.rules import incomplete_ipmi as rule
from tests.design.rules.helpers import (
    a_node,
    a_site,
    dhcp,
    levels,
    node_document,
    static,
    the_only,
    verdicts,
)

COMPLETE = {"account": "root", "credential": "s3cret", "network": "oob"}


BMC = (static("oob", "10.8.0.1"),)


def a_bmc(oob_type="ipmi", *, addressing=BMC, **parameters):
    parameters = {k: v for k, v in (COMPLETE | parameters).items() if v is not None}
    node = a_node("n1", oob_type=oob_type, oob_parameters=parameters, addressing=addressing)
    return a_site(node)


@pytest.mark.parametrize("oob_type", ["ipmi", "redfish"])
def test_a_complete_bmc_passes(oob_type):
    assert not verdicts(rule, a_bmc(oob_type))


@pytest.mark.parametrize("oob_type", ["ipmi", "redfish"])  # V-17: redfish was not judged
@pytest.mark.parametrize("parameter", ["account", "credential"])
@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_or_empty_parameter_is_named_with_the_node(oob_type, parameter, value):
    found = the_only(verdicts(rule, a_bmc(oob_type, **{parameter: value})))

    assert found.level == "Error"
    assert f"oob.{parameter}" in found.text
    assert "n1" in found.text
    assert "s3cret" not in found.text + found.hint
    assert found.documents == (node_document("n1"),)


def test_without_an_oob_network_there_is_no_address_either():
    found = verdicts(rule, a_bmc(network=None))

    assert levels(found) == ["Error", "Error"]
    assert "oob.network" in found[0].text
    assert "no static address" in found[1].text


@pytest.mark.parametrize("addressing", [(), (dhcp("oob"),), (static("lan", "10.9.0.1"),)])
def test_the_bmc_needs_a_static_address(addressing):
    found = the_only(verdicts(rule, a_bmc(addressing=addressing)))

    assert "n1" in found.text
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize("oob_type", [None, "manual", "libvirt"])
def test_other_nodes_are_not_judged(oob_type):
    site = a_site(a_node(oob_type=oob_type, oob_parameters={}))

    assert not verdicts(rule, site)


@pytest.mark.parametrize(
    ("key", "value"),
    [("port", "99999"), ("verify", "maybe"), ("uuid", "17"), ("fingerprint", "ab")],
)
def test_an_optional_key_that_cannot_be_read_is_named_with_what_it_reads(key, value):
    found = the_only(verdicts(rule, a_bmc("redfish", **{key: value})))

    assert found.level == "Error"
    assert found.text.startswith(f"oob.{key} of node n1 reads '{value}', not ")
    assert found.documents == (node_document("n1"),)


def test_optional_keys_that_can_be_read_pass():
    more = {"port": "8443", "verify": "True", "system_id": "1", "serial": "SN-1"}
    assert not verdicts(rule, a_bmc("redfish", **more))

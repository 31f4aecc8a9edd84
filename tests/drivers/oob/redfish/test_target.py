"""Where a node's BMC is, from the design and the options."""

import dataclasses
from types import SimpleNamespace

import pytest

from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.target import target_of
from drydockd.errors import DriverPersistent
from drydockd.site import Addressing
from tests.drivers.oob.redfish.conftest import a_node

PRINT = "ab" * 32
BMC = SimpleNamespace(port=443)


def target(options=None, address="10.0.0.9", **oob):
    node = a_node(BMC, port="", **oob)
    addressing = (Addressing("oob", "static", address),)
    return target_of(dataclasses.replace(node, addressing=addressing), options or RedfishOptions())


def test_https_on_its_usual_port_unverified_unless_told_otherwise():
    found = target()
    assert (found.origin, found.place, found.verify) == ("https://10.0.0.9:443", "10.0.0.9", False)


def test_plain_http_has_its_own_usual_port():
    assert target(RedfishOptions(use_ssl=False)).origin == "http://10.0.0.9:80"


def test_the_node_wins_over_the_driver():
    options = RedfishOptions(port=8000, verify=True, system_id="1")
    assert target(options).origin == "https://10.0.0.9:8000"
    found = target_of(a_node(BMC, port="8443", verify="False", system_id="2"), options)
    assert (found.port, found.verify, found.identity.system_id) == (8443, False, "2")
    assert found.place == "127.0.0.1:8443"


def test_an_ipv6_address_stands_in_brackets():
    found = target(address="FD00::9", options=RedfishOptions(port=8000))
    assert (found.origin, found.place) == ("https://[fd00::9]:8000", "[fd00::9]:8000")


def test_a_ca_file_means_that_certificates_are_checked(tmp_path):
    assert target(RedfishOptions(ca_file=tmp_path / "ca.pem")).verify


@pytest.mark.parametrize("key", ["10.0.0.9", "n1"])
def test_a_fingerprint_is_found_by_address_or_name(key):
    assert target(RedfishOptions(fingerprints={key: PRINT})).fingerprint == PRINT


def test_the_design_may_hold_the_fingerprint():
    assert target(fingerprint=f"sha256:{PRINT}").fingerprint == PRINT


@pytest.mark.parametrize(
    ("key", "text", "wanted"),
    [
        ("port", "0", "a port, 1 to 65535"),
        ("port", "https", "a port, 1 to 65535"),
        ("port", "99999999999999999999", "a port, 1 to 65535"),
        ("verify", "maybe", "true or false"),
        ("uuid", "17", "a UUID"),
        ("fingerprint", "ab:cd", "64 hex digits"),
    ],
)
def test_a_wrong_value_is_told(key, text, wanted):
    with pytest.raises(DriverPersistent) as caught:
        target_of(a_node(BMC, **{key: text}), RedfishOptions())
    assert str(caught.value).startswith(f"n1: oob.{key} reads {text!r}, not ")
    assert wanted in str(caught.value)


@pytest.mark.parametrize("key", ["account", "credential", "network"])
def test_what_is_missing_is_told(key):
    with pytest.raises(DriverPersistent, match=rf"n1: has no oob\.{key}"):
        target_of(a_node(BMC, **{key: ""}), RedfishOptions())


def test_a_node_without_a_static_bmc_address_is_told():
    with pytest.raises(DriverPersistent, match="has no static address on its oob network other"):
        target_of(a_node(BMC, network="other"), RedfishOptions())


def test_an_address_that_is_none_is_told():
    with pytest.raises(DriverPersistent, match=r"reads 'bmc\.example', which is no IP address"):
        target(address="bmc.example")


def test_it_does_not_show_the_login():
    text = repr(target())
    assert "pa55" not in text
    assert "drydock-operator" not in text


@pytest.mark.parametrize(("mode", "said"), [("uefi", "UEFI"), ("bios", "Legacy"), (None, None)])
def test_the_boot_mode_is_that_of_the_hardware_profile(mode, said):
    assert target(boot_mode=mode).boot_mode == said


def test_a_node_without_hardware_profile_has_no_boot_mode():
    node = dataclasses.replace(a_node(BMC), hardware=None)
    assert target_of(node, RedfishOptions()).boot_mode is None

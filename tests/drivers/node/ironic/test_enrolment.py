"""What Ironic is told of a node of the design."""

import pytest

from drydockd.drivers.node.ironic.enrolment import boot_mode, enrolled
from drydockd.errors import DriverUnsupported
from drydockd.site import HardwareProfile
from tests.drivers.node.ironic.sites import a_node, mac_of, options

REAL = {"hardware_types": {"redfish": "redfish", "ipmi": "ipmi"}}
ACCOUNT = {"network": "oob", "account": "adm", "credential": "bmc-pass-77"}


def test_a_redfish_bmc_is_told_with_its_account():
    given = options(**REAL, driver_info={"deploy_kernel": "http://images/ipa.kernel"}, owner="us")
    oob = {**ACCOUNT, "port": "8443", "verify": "False", "system_id": "1"}
    node = a_node(oob_parameters=oob, hardware=HardwareProfile("plain", boot_mode="uefi"))
    assert enrolled(node, given) == {
        "name": "n1",
        "driver": "redfish",
        "driver_info": {
            "deploy_kernel": "http://images/ipa.kernel",
            "redfish_address": "https://10.0.0.1:8443",
            "redfish_username": "adm",
            "redfish_password": "bmc-pass-77",
            "redfish_verify_ca": False,
            "redfish_system_id": "/redfish/v1/Systems/1",
        },
        "properties": {"capabilities": "boot_mode:uefi"},
        "automated_clean": True,
        "owner": "us",
        "extra": {"drydock": {"enrolled": True}},
    }


def test_an_ipmi_bmc_is_told_with_what_the_design_says_and_no_more():
    node = a_node(oob_type="ipmi", oob_parameters={**ACCOUNT, "cipher_suite": "17,3"})
    assert enrolled(node, options(**REAL))["driver_info"] == {
        "ipmi_address": "10.0.0.1",
        "ipmi_username": "adm",
        "ipmi_password": "bmc-pass-77",
        "ipmi_cipher_suite": "17",
    }


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"oob_type": "libvirt"}, r"n1: oob\.type: libvirt: Ironic enrols nodes of ipmi, redfish"),
        ({"boot_mac": None}, r"n1: metadata\.boot_mac: missing"),
        ({"addressing": ()}, r"n1: oob\.network: oob: the node has no address"),
    ],
)
def test_what_is_missing_is_named_without_the_account(fields, text):
    with pytest.raises(DriverUnsupported, match=text) as caught:
        enrolled(a_node(**fields), options(**REAL))
    assert "bmc-pass-77" not in str(caught.value)


def test_a_boot_mode_is_told_where_it_is_known():
    assert boot_mode(a_node()) is None
    assert boot_mode(a_node(hardware=HardwareProfile("p", boot_mode="bios"))) == "bios"
    assert boot_mode(a_node(hardware=HardwareProfile("p", boot_mode="odd"))) is None
    assert mac_of(258) == "52:54:00:00:01:02"

"""systemd-networkd files of a plan."""

from configparser import RawConfigParser
from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.networkd import macs, networkd_files
from drydockd.errors import DriverUnsupported
from drydockd.plans import (
    AddressPlan,
    BondPlan,
    DeviceName,
    InterfacePlan,
    NetworkAddress,
    NetworkPlan,
    RoutePlan,
    VlanPlan,
)

M1, M2, M3 = "52:54:00:00:00:01", "52:54:00:00:00:02", "52:54:00:00:00:03"
OUT = RoutePlan("0.0.0.0/0", "10.21.0.1", 100)
VLAN = VlanPlan("lan", 21, "bond0", 9000, AddressPlan("static", "10.21.0.7/24"), (OUT,))
BOND = InterfacePlan(
    "bond0",
    "trunk",
    (DeviceName("ens1", mac=M1), DeviceName("ens2", mac=M2)),
    BondPlan("802.3ad", "layer3+4", "fast", 100, 200, 300),
    9000,
    None,
    AddressPlan("none"),
    vlans=(VLAN,),
)
PXE = InterfacePlan(
    "pxe0", "pxe", (DeviceName("ens0", mac=M3),), None, 1500, "pxe",
    AddressPlan("static", "10.20.0.7/24"),
)  # fmt: skip
PLAN = NetworkPlan((BOND, PXE), ("10.21.0.1",), ("10.0.0.53",), "lab.example")


def files(plan):
    return {entry.path.rpartition("10-drydock-")[2]: entry.text for entry in networkd_files(plan)}


def section(text, title):
    parser = RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string(text)
    return dict(parser[title])


def test_a_bond_with_a_vlan_has_a_file_for_each_device():
    assert sorted(files(PLAN)) == [
        "bond0-member0.network",
        "bond0-member1.network",
        "bond0.21.netdev",
        "bond0.21.network",
        "bond0.netdev",
        "bond0.network",
        "pxe0.link",
        "pxe0.network",
    ]


def test_the_bonds_options_are_those_of_the_design_in_milliseconds():
    assert section(files(PLAN)["bond0.netdev"], "Bond") == {
        "Mode": "802.3ad",
        "TransmitHashPolicy": "layer3+4",
        "LACPTransmitRate": "fast",
        "MIIMonitorSec": "100ms",
        "UpDelaySec": "200ms",
        "DownDelaySec": "300ms",
    }


def test_nics_are_matched_by_their_permanent_address_only():
    made = files(PLAN)
    assert section(made["bond0-member1.network"], "Match") == {"PermanentMACAddress": M2}
    assert section(made["pxe0.link"], "Match") == {"PermanentMACAddress": M3}
    assert section(made["pxe0.link"], "Link") == {"Name": "pxe0"}


def test_the_way_out_is_waited_for_at_boot_and_nothing_else():
    made = files(PLAN)
    required = {
        name: section(text, "Link")["RequiredForOnline"]
        for name, text in made.items()
        if name.endswith(".network")
    }
    assert required == {
        "bond0-member0.network": "no",
        "bond0-member1.network": "no",
        "bond0.network": "no",
        "bond0.21.network": "routable",
        "pxe0.network": "no",
    }
    lan = made["bond0.21.network"]
    assert section(lan, "Network")["DNS"] == "10.0.0.53"
    assert section(lan, "Route") == {
        "Destination": "0.0.0.0/0", "Gateway": "10.21.0.1", "Metric": "100",
    }  # fmt: skip
    assert "DNS" not in section(made["pxe0.network"], "Network")


def test_without_a_way_out_the_first_with_an_address_is_waited_for():
    plan = NetworkPlan((replace(BOND, vlans=()), PXE), (), (), "")
    required = section(files(plan)["pxe0.network"], "Link")["RequiredForOnline"]
    assert required == "routable"


def test_a_dual_stack_is_one_vlan_with_two_addresses():
    beside = NetworkAddress("lan6", AddressPlan("static", "fd00::7/64"))
    plan = replace(PLAN, interfaces=(replace(BOND, vlans=(replace(VLAN, beside=(beside,)),)),))
    text = files(plan)["bond0.21.network"]
    assert "Address=10.21.0.7/24\nAddress=fd00::7/64\n" in text


def test_virtual_functions_are_made_and_trusted_on_a_single_nic():
    plan = replace(PLAN, interfaces=(replace(PXE, sriov=True, vf_count=2, trustedmode=True),))
    made = files(plan)
    assert section(made["pxe0.link"], "Link")["SR-IOVVirtualFunctions"] == "2"
    assert made["pxe0.network"].count("[SR-IOV]\n") == 2
    assert "VirtualFunction=1\nTrust=yes\n" in made["pxe0.network"]


@pytest.mark.parametrize(
    ("interface", "words"),
    [
        (replace(PXE, devices=(DeviceName("ens9"),)), "pxe0: the inventory has no NIC ens9"),
        (replace(PXE, name="a-name-that-is-too-long"), "cannot be an interface's name"),
        (replace(BOND, bond=replace(BOND.bond, mode="tlb")), "bonding.mode tlb"),
        (replace(BOND, bond=replace(BOND.bond, xmit_hash="x\nMode=y")), "bonding.hash"),
        (replace(BOND, sriov=True), "sriov on a bond"),
        (replace(BOND, mtu=1500), "mtu 9000 is more than 1500 of bond0"),
        (replace(PXE, address=AddressPlan("static", "10.0.0.1/8\nDNS=6.6.6.6")), "no file may"),
    ],
)
def test_what_cannot_be_honoured_is_refused_with_its_name(interface, words):
    with pytest.raises(DriverUnsupported, match=words):
        networkd_files(replace(PLAN, interfaces=(interface,)))


def test_two_interfaces_of_one_name_are_refused():
    with pytest.raises(DriverUnsupported, match="two interfaces would write"):
        networkd_files(replace(PLAN, interfaces=(PXE, PXE)))


def test_all_macs_of_the_plan_are_told():
    assert macs(PLAN) == (M1, M2, M3)

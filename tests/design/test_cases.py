"""Designs from the field have the answers their operators needed."""

import asyncio

import pytest

from drydockd.design.compile import compile_site
from drydockd.design.inventory import Hardware, hardware_of
from drydockd.design.network_plan import network_plan
from drydockd.design.storage_plan import storage_plan
from drydockd.design.validate import validate
from drydockd.machines import Device, Inventory
from drydockd.plans import AddressPlan, RoutePlan
from drydockd.render import Templates, unrenderable
from tests.cases import CASES

# Case -> level, code and words of each finding above Info; DD3001 is about the provisioner.
ERRORS = {
    "ba-template-typo": [("DD2911", ["node1", "hello", "/etc/hello", "oma", "line 1"])],
    "ba-template-syntax": [("DD2911", ["node1", "hello", "/etc/hello", "line 1"])],
    "primary-missing": [("DD2904", ["oma", "node1"]), ("DD2911", ["default"])],
    "ba-dup-path": [("DD2912", ["hello", "hello2", "/etc/hello"])],
    "default-route-0slash0": [("DD001", ["routes[0].subnet", "0.0.0.0/0", "line"])],
    "vlan-none": [("DD2905", ["storage", "bond0", "no vlan"])],
    "dualstack-untagged": [("DD2905", ["pxe6", "no vlan"])],
    "bond-none": [("DD2905", ["bond0", "slaves"])],
    "size-two-rest": [("DD2907", ["more", "var", "sda", "nothing is left"])],
    "mountpoint-relative": [("DD2908", ["'root'", "sda"])],
    "mac-dup": [("DD2910", ["52:54:00:aa:bb:01", "node1", "node2"])],
    "addr-is-gateway": [("DD2902", ["10.0.3.1", "gateway"])],
    "range-reversed": [("DD2901", ["10.0.2.199", "before it starts"])],
    "ifname-long": [("DD2906", ["this-is-a-very-long-interface-name0", "15"])],
}
WARNINGS = {
    "oob-unknown-type": [("DD2909", ["ipmy", "did you mean ipmi"])],
    "addr-in-dhcp-range": [("DD2902", ["10.0.2.150", "dhcp range"])],
    "dupkey": [("DD2915", ["vendor", "line 136", "line 137"])],
    "norway": [("DD2913", ["NO", "metadata.name", "line"])],
    "kp-off": [("DD2913", ["mitigations", "off"]), ("DD2913", ["nr", "010"])],
    "repo-extra": [("DD2916", ["proxy_server", "main_archive"])],
}


def judged(name, **circumstances):
    site, findings = compile_site(CASES[name])
    if any(finding.error for finding in findings):
        return site, list(findings)

    async def on_trial():
        templates = Templates()
        try:
            return await unrenderable(site, templates)
        finally:
            await templates.close()

    failed = asyncio.run(on_trial())
    return site, [*findings, *validate(site, unrenderable=failed, **circumstances)]


@pytest.mark.parametrize("name", CASES)
def test_a_case_gets_exactly_the_findings_it_should(name):
    _, findings = judged(name)

    for level, table in (("Error", ERRORS), ("Warning", WARNINGS)):
        found = [f for f in findings if f.level == level and f.code != "DD3001"]
        wanted = table.get(name, [])
        assert [f.code for f in found] == [code for code, _ in wanted], found
        for finding, (_, words) in zip(found, wanted, strict=True):
            missing = [word for word in words if word not in finding.message]
            assert not missing, finding.message


def test_an_oob_type_that_is_not_enabled_is_an_error_with_those_that_are():
    _, findings = judged("oob-unknown-type", oob_types=("ipmi", "manual"))

    (finding,) = [f for f in findings if f.error]
    assert (finding.code, "ipmi, manual" in finding.diagnostic) == ("DD2909", True)


def test_a_boot_mac_with_hyphens_is_kept_with_colons():
    site, _ = judged("mac-dash-manual")

    assert site.nodes["node1"].boot_mac == "52:54:00:aa:bb:01"


def test_kernel_parameters_keep_their_text():
    site, _ = judged("kp-off")

    params = site.nodes["node1"].kernel_params
    assert (params["quiet"], params["mitigations"], params["nr"]) == (True, "off", "010")


def test_a_dual_stack_is_one_vlan_with_an_address_a_route_and_servers_of_each_family():
    site, _ = judged("dualstack-tagged")

    plan = network_plan(site, site.nodes["node1"], Hardware())

    assert plan.default_gateways == ("10.0.3.1", "2001:db8:0:3::1")
    assert plan.dns_servers == ("10.0.3.1", "2001:db8:0:3::53")
    (bond,) = [i for i in plan.interfaces if i.name == "bond0"]
    (vlan, _) = bond.vlans
    assert (vlan.vlan_id, vlan.address) == (31, AddressPlan("static", "10.0.3.11/24"))
    assert vlan.beside[0].address == AddressPlan("static", "2001:db8:0:3::11/64")
    assert RoutePlan("::/0", "2001:db8:0:3::1", 10) in vlan.routes


def test_name_servers_are_read_however_they_are_parted():
    site, _ = judged("dns-commaspace")

    plan = network_plan(site, site.nodes["node1"], Hardware())

    assert plan.dns_servers == ("10.0.3.1", "10.0.3.2", "10.0.3.3")


@pytest.mark.parametrize(
    ("name", "disks"), [("disk-devpath", ["sda"]), ("nvme-multipath", ["nvme0n1", "mpatha"])]
)
def test_paths_of_devices_match_the_inventory(name, disks):
    site, _ = judged(name)
    node = site.nodes["node1"]
    devices = tuple(Device("disk", (disk,), size_bytes=10**12) for disk in disks)

    plan = storage_plan(site, node, hardware_of(site, node, Inventory(devices=devices)))

    assert [disk.device.name for disk in plan.disks] == disks


def test_files_joined_each_with_its_mark_are_the_same_design():
    assert compile_site(CASES["bom-each"])[0] == compile_site(CASES["base"])[0]

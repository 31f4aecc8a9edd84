"""HardwareProfile documents."""

import pytest

from drydockd.site import DeviceAlias, HardwareProfile, HugepagesConf
from tests.design.helpers import document, only_finding, site_of


def hardware(**data):
    return document("HardwareProfile", "p", data)


def test_a_whole_profile_is_taken_in():
    site = site_of(
        hardware(
            vendor="Dell",
            generation="8",
            hw_version="3",
            bios_version="2.2.3",
            boot_mode="uefi",
            bootstrap_protocol="pxe",
            pxe_interface=0,
            device_aliases={"nic": {"address": "0000:00:03.0", "bus_type": "pci", "more": 1}},
            cpu_sets={"iso": "2-7"},
            hugepages={"big": {"size": "1G", "count": 40.0, "more": 1}},
        )
    )
    assert site.hardware_profiles["p"] == HardwareProfile(
        "p", "Dell", "8", "3", "2.2.3", "uefi", "pxe", "0",
        (DeviceAlias("nic", "0000:00:03.0", "pci"),), {"iso": "2-7"},
        (HugepagesConf("big", "1G", 40),),
    )  # fmt: skip


def test_everything_is_optional():
    assert site_of(hardware()).hardware_profiles["p"] == HardwareProfile("p")


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"generation": 8}, "generation: a string is required, not 8"),
        ({"boot_mode": "legacy"}, "boot_mode: bios or uefi is required"),
        ({"bootstrap_protocol": "tftp"}, "bootstrap_protocol"),
        ({"pxe_interface": "0"}, "pxe_interface"),
        ({"device_aliases": {"n": {"address": 3.0, "bus_type": "pci"}}}, "aliases.n.address"),
        ({"device_aliases": {"n": {"address": "x"}}}, "bus_type: is required"),
        ({"cpu_sets": {"iso": 2}}, "cpu_sets.iso"),
        ({"hugepages": {"b": {"size": "1G"}}}, "hugepages.b.count: is required"),
        ({"hugepages": {"b": {"size": "1G", "count": -1}}}, "hugepages.b.count"),
        ({"hugepages": {"b": {"size": 1, "count": 1}}}, "hugepages.b.size"),
        ({"colour": "red"}, "unknown key colour"),
    ],
)
def test_a_violation_is_told_with_its_path(data, where):
    assert where in only_finding(hardware(**data)).message


def test_a_number_where_text_is_required_gets_the_hint_to_quote():
    finding = only_finding(hardware(device_aliases={"n": {"address": 3.0, "bus_type": "pci"}}))
    assert "0000:00:03.0" in finding.diagnostic


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=a)b", "a regular expression of RE2 is required: invalid perl operator"),
        ("(", "missing )"),
        ("x" * 257, "257 characters, more than 256"),
    ],
)
def test_an_expression_that_cannot_be_linear_is_refused(pattern, words):
    finding = only_finding(
        hardware(device_aliases={"nic": {"address": f"regexp:{pattern}", "bus_type": "pci"}})
    )
    assert finding.code == "DD001"
    assert "device_aliases.nic.address" in finding.message
    assert words in finding.message


def test_a_profile_has_a_bounded_number_of_expressions():
    aliases = {f"n{i}": {"address": f"regexp:{i}", "bus_type": "pci"} for i in range(65)}
    finding = only_finding(hardware(device_aliases=aliases))
    assert "device_aliases.n64.address" in finding.message
    assert "at most 64 aliases may be a regexp:" in finding.message

"""What is deployed against the design and the last inventory."""

from dataclasses import replace

import pytest

from drydockd.design import plans
from drydockd.design.drift import Difference, drift_of
from drydockd.design.inventory import hardware_of
from drydockd.installed import Installed, Sighting
from drydockd.machines import Document, Inventory
from drydockd.site import HardwareProfile
from tests.design.lshw import TERABYTE, a_disk_element, a_nic_element, an_lshw
from tests.design.rules.helpers import ROOT, a_disk, a_node, a_partition, a_site, static

SDA = a_disk_element("sda", "scsi@0:2.0.0", TERABYTE, "WD-1234")
SDB = a_disk_element("sdb", "scsi@0:2.1.0", TERABYTE, "WD-5678")
ENO1 = a_nic_element("eno1", "pci@0000:19:00.0", "52:54:00:aa:00:01")
ENO2 = a_nic_element("eno2", "pci@0000:19:00.1", "52:54:00:aa:00:02")
BIOS = (
    '<node id="core" class="bus"><node id="firmware" class="memory">'
    "<version>2.2.3</version></node></node>"
)
PROFILE = HardwareProfile("hw", boot_mode="uefi", bios_version="2.2.3")
NODE = a_node(
    hardware=PROFILE,
    boot_mac="52:54:00:aa:00:01",
    oob_parameters={"network": "oob"},
    addressing=(static("lan", "10.9.0.7"), static("oob", "10.2.0.7")),
    kernel_params={"quiet": True},
)
SITE = a_site(NODE)


def seen(*elements, **fields):
    inventory = Inventory((Document("lshw", "text/xml", an_lshw(*elements)),))
    told = {"boot_mode": "uefi", "bmc_address": "10.2.0.7", "memory_mib": 65536, "cpus": 16}
    return Sighting(inventory, **{**told, **fields})


WHOLE = (BIOS, SDA, SDB, ENO1, ENO2)


def installed(now=None, then=None, **fields):
    then = then or seen(*WHOLE)
    hardware = hardware_of(SITE, NODE, then.inventory)
    values = {
        "platform": plans.platform_plan(SITE, NODE),
        "storage": plans.storage_plan(SITE, NODE, hardware),
        "network": plans.network_plan(SITE, NODE, hardware),
        "image_digest": "a1",
        "catalogue_digest": "a1",
        "booted_params": "root=UUID=1 ro quiet",
        **fields,
    }
    return Installed("d1", then=then, now=now or then, **values)


def differences(account, node=NODE, site=None):
    return list(drift_of(site or a_site(node), node, account).differences)


def test_a_node_as_it_was_deployed_and_as_its_design_says_does_not_differ():
    drift = drift_of(SITE, NODE, installed())
    assert drift.differences == ()
    assert drift.absent == ()


@pytest.mark.parametrize(
    ("now", "what", "wanted", "found", "source"),
    [
        (
            seen(BIOS, SDA.replace("WD-1234", "WD-9"), SDB, ENO1, ENO2),
            "disk sda", "serial WD-1234, 1000000000000 bytes", "not there", "deployment",
        ),
        (
            seen(BIOS, SDA, SDB.replace(str(TERABYTE), "999"), ENO1, ENO2),
            "disk sdb size", "1000000000000 bytes", "999 bytes", "deployment",
        ),
        (
            seen(BIOS, SDA, SDB, ENO1),
            "NIC eno2", "MAC 52:54:00:aa:00:02", "not there", "deployment",
        ),
        (
            seen(BIOS, SDA, SDB, ENO1, ENO2, a_nic_element("eno3", "pci@1", "52:54:00:aa:00:03")),
            "NIC eno3", "not there", "MAC 52:54:00:aa:00:03", "deployment",
        ),
        (seen(*WHOLE, memory_mib=32768), "memory", "65536 MiB", "32768 MiB", "deployment"),
        (seen(*WHOLE, cpus=8), "CPUs", "16", "8", "deployment"),
    ],
)  # fmt: skip
def test_hardware_that_changed_since_the_deployment_is_named(now, what, wanted, found, source):
    assert Difference(what, wanted, found, source) in differences(installed(now))


@pytest.mark.parametrize(
    ("now", "what", "wanted", "found"),
    [
        (seen(BIOS.replace("2.2.3", "3.0"), *WHOLE[1:]), "firmware version", "2.2.3", "3.0"),
        (seen(*WHOLE, boot_mode="bios"), "boot mode", "uefi", "bios"),
        (seen(*WHOLE, bmc_address="10.2.0.8"), "BMC address", "10.2.0.7", "10.2.0.8"),
    ],
)
def test_firmware_and_bmc_are_held_against_design_and_deployment(now, what, wanted, found):
    assert differences(installed(now)) == [
        Difference(what, wanted, found, "design"),
        Difference(what, wanted, found, "deployment"),
    ]


def test_a_nic_that_moved_to_another_name_and_a_disk_likewise_are_the_same():
    moved = seen(BIOS, SDA.replace("sda", "sdc"), SDB, ENO1.replace("eno1", "eth0"), ENO2)
    assert differences(installed(moved)) == []


def test_the_boot_nic_of_the_design_must_be_one_of_the_machine():
    without = seen(BIOS, SDA, SDB, ENO2)
    assert (
        Difference("boot MAC", "52:54:00:aa:00:01", "52:54:00:aa:00:02", "design")
        in differences(installed(without))
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "what", "wanted", "found"),
    [
        ({"image": "noble"}, "image", "noble", "jammy"),
        ({"kernel": "hwe-22.04"}, "kernel", "hwe-22.04", "ga-22.04"),
        ({"kernel_params": {}}, "kernel parameters", "none", "quiet"),
        (
            {"storage_devices": (a_disk("sda", replace(ROOT, size="40g")),)},
            "storage disks sda partitions root size_bytes", None, None,
        ),
        (
            {"storage_devices": (a_disk("sda", ROOT, a_partition("var", mountpoint="/var")),)},
            "storage disks sda partitions var", "there", "not there",
        ),
        (
            {"addressing": (static("lan", "10.9.0.8"), static("oob", "10.2.0.7"))},
            "network interfaces eno1 address address", "10.9.0.8/24", "10.9.0.7/24",
        ),
        (
            {"storage_devices": (a_disk("sdz", ROOT),)},
            "storage", "cannot be planned for this machine any more", None,
        ),
    ],
)  # fmt: skip
def test_a_design_that_changed_since_the_deployment_is_named(fields, what, wanted, found):
    (told,) = differences(installed(), replace(NODE, **fields))
    assert (told.what, told.source) == (what, "design")
    assert wanted in (None, told.wanted)
    assert found in (None, told.found)


def test_an_image_that_was_built_anew_since_is_named():
    (told,) = differences(installed(catalogue_digest="b2"))
    assert str(told) == "image content: catalogue b2, found a1"


def test_kernel_parameters_that_the_installed_system_was_not_booted_with_are_named():
    (told,) = differences(installed(booted_params="root=UUID=1 ro"))
    assert str(told) == ("kernel parameters it was booted with: deployment quiet, found not there")


def test_quotes_of_a_parameter_are_no_difference():
    quoted = replace(NODE, kernel_params={"dyndbg": '"file a.c +p"'})
    platform = plans.platform_plan(a_site(quoted), quoted)
    told = installed(platform=platform, booted_params="ro dyndbg=file a.c +p")
    assert differences(told, quoted) == []


def test_what_nobody_tells_is_absent_and_no_difference():
    drift = drift_of(SITE, NODE, Installed("d1"))
    assert drift.differences == ()
    assert sorted(drift.absent) == [
        "BMC address", "CPUs", "NICs", "boot mode", "disks", "firmware version", "image",
        "kernel", "kernel parameters", "memory", "network", "storage",
    ]  # fmt: skip


def test_what_is_told_for_one_time_only_is_absent_as_well():
    drift = drift_of(SITE, NODE, installed(then=seen(*WHOLE, memory_mib=0), now=seen(*WHOLE)))
    assert (drift.differences, drift.absent) == ((), ("memory",))


def test_a_memory_stick_that_was_put_in_is_no_difference():
    stick = a_disk_element("sdu", "usb@1", 8 * 10**9, "U-1").replace(
        "<serial>", '<capabilities><capability id="removable">x</capability></capabilities><serial>'
    )
    assert differences(installed(seen(*WHOLE, stick))) == []

"""Aliases become the names lshw saw."""

import pytest

from drydockd.design.aliases import logical_names
from drydockd.design.inventory import parse_lshw
from drydockd.machines import Device
from drydockd.site import DeviceAlias, HardwareProfile

LSHW = """<?xml version="1.0" encoding="UTF-8"?>
<list><node id="host" class="system">
  <node id="network:9" class="network"><logicalname>lonely0</logicalname></node>
  <node id="pci" class="bridge"><businfo>pci@0000:19:00.0</businfo></node>
  <node id="network:0" class="network">
    <businfo>pci@0000:19:00.0</businfo><logicalname>eno1</logicalname></node>
  <node id="network:1" class="network">
    <businfo>pci@0000:01:00.0</businfo><logicalname>eno2</logicalname></node>
  <node id="disk" class="disk">
    <businfo>scsi@0:2.0.0</businfo><logicalname>/dev/sda</logicalname>
    <logicalname>/dev/other</logicalname></node>
  <node id="usb" class="network">
    <businfo>usb@0000:77:00.0</businfo><logicalname>usb0</logicalname></node>
</node></list>"""


def names(**aliases: tuple[str, str]) -> dict[str, str]:
    devices = tuple(DeviceAlias(k, address, bus) for k, (bus, address) in aliases.items())
    return logical_names(HardwareProfile("hw", devices=devices), parse_lshw(LSHW))


@pytest.mark.parametrize(
    ("bus", "address", "name"),
    [
        ("scsi", "0:2.0.0", "sda"),
        ("pci", "0000:01:00.0", "eno2"),
        ("pci", "regexp:0000:(19|01):00\\.0", "eno1"),
        ("whatever", "regexp:0000:01", "eno2"),
        ("pci", "regexp:77", "x"),
        ("pci", "regexp:0000:77", "x"),
        ("pci", "0000:ff:00.0", "x"),
        ("scsi", "0:2.0.0.regexp:", "x"),
        ("pci", "regexp:(", "x"),
        ("pci", "0000:19:00.0", "eno1"),
    ],
)
def test_an_alias_is_found_by_bus_address_or_pattern(bus, address, name):
    assert names(x=(bus, address)) == {"x": name}


def test_without_an_inventory_the_map_is_empty():
    profile = HardwareProfile("hw", devices=(DeviceAlias("x", "0:2.0.0", "scsi"),))
    assert logical_names(profile, ()) == {}


def test_a_device_that_is_neither_nic_nor_disk_has_a_name_too():
    card = Device("other", ("scsi0",), "pci@0000:05:00.0")
    profile = HardwareProfile("hw", devices=(DeviceAlias("x", "0000:05:00.0", "pci"),))
    assert logical_names(profile, [card]) == {"x": "scsi0"}


def test_where_the_devices_were_learnt_from_does_not_matter():
    nic = Device("network", ("ens3",), "pci@0000:00:03.0", "52:54:00:aa:00:01")
    profile = HardwareProfile("hw", devices=(DeviceAlias("x", "regexp:0000:00", "pci"),))
    assert logical_names(profile, [nic]) == {"x": "ens3"}


def test_an_expression_that_tries_every_way_is_over_at_once():
    """18 of ``.*`` held the loop for 2.9 s, 26 until the watchdog."""
    nic = Device("network", ("eno1",), "pci@" + "0" * 5000)
    profile = HardwareProfile("hw", devices=(DeviceAlias("x", "regexp:" + ".*" * 60 + "y", ""),))
    assert logical_names(profile, [nic] * 100) == {"x": "x"}

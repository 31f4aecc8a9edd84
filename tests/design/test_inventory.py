from pathlib import Path

import pytest

from drydockd.design.inventory import (
    Hardware,
    device_name,
    devices_of,
    hardware_of,
    identity_of,
    parse_lshw,
)
from drydockd.errors import InvalidDesign
from drydockd.machines import Device, Document, Identity, Inventory
from drydockd.plans import DeviceName
from drydockd.site import DeviceAlias, HardwareProfile, Node, Site
from tests.design.lshw import LSHW, an_lshw
from tests.design.rules.helpers import a_node


def test_nics_and_disks_are_found_with_what_identifies_them():
    found = [device for device in parse_lshw(LSHW) if device.kind != "other"]
    devices = {device.names[0]: device for device in found}

    assert list(devices) == ["sda", "sdb", "eno1", "eno2"]
    assert devices["sda"] == Device("disk", ("sda",), "scsi@0:2.0.0", "WD-1234", 1_000_000_000_000)
    assert devices["eno1"] == Device(
        "network", ("eno1",), "pci@0000:19:00.0", "52:54:00:aa:00:01", 10_000_000_000
    )


def test_parts_of_a_disk_and_other_elements_are_neither_nics_nor_disks():
    devices = [device for device in parse_lshw(LSHW) if device.kind != "other"]
    names = {name for device in devices for name in device.names}

    assert not names & {"sda1", "cpu0", "scsi0"}


def test_every_logical_name_of_a_disk_is_kept():
    text = an_lshw(
        '<node class="disk"><logicalname>/dev/sda</logicalname>'
        "<logicalname>/dev/disk/by-id/wwn-1</logicalname></node>"
    )

    assert parse_lshw(text)[0].names == ("sda", "wwn-1")


@pytest.mark.parametrize("kind", ["disk", "generic", "storage"])
def test_virtual_and_nvme_disks_of_older_versions_are_disks(kind):
    text = an_lshw(f'<node class="{kind}"><logicalname>/dev/vda</logicalname><size>9</size></node>')

    assert parse_lshw(text) == (Device("disk", ("vda",), size_bytes=9),)


def test_a_controller_without_a_device_file_is_no_disk():
    text = an_lshw('<node class="storage"><logicalname>scsi0</logicalname></node>')

    assert parse_lshw(text) == ()


@pytest.mark.parametrize("size", ["", "many", "-1", "1.5"])
def test_a_size_that_is_no_number_is_unknown(size):
    text = an_lshw(
        f'<node class="disk"><logicalname>/dev/sda</logicalname><size>{size}</size></node>'
    )

    assert parse_lshw(text)[0].size_bytes is None


@pytest.mark.parametrize("text", ["", "not xml", "<list><node></list>", "<a/><b/>"])
def test_text_that_is_no_xml_is_refused_with_its_cause(text):
    with pytest.raises(InvalidDesign, match="lshw: not XML"):
        parse_lshw(text)


def test_entities_are_refused_before_they_expand():
    bomb = '<!DOCTYPE l [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><list>&b;</list>'

    with pytest.raises(InvalidDesign, match="document type"):
        parse_lshw(bomb)


def test_external_entities_are_refused(tmp_path: Path):
    secret = tmp_path / "secret"
    secret.write_text("s3cret")
    text = f'<!DOCTYPE l [<!ENTITY a SYSTEM "{secret.as_uri()}">]><list>&a;</list>'

    with pytest.raises(InvalidDesign, match="document type"):
        parse_lshw(text)


def test_endless_nesting_and_endless_text_are_refused():
    with pytest.raises(InvalidDesign, match="deeper"):
        parse_lshw("<node>" * 1000)
    with pytest.raises(InvalidDesign, match="more than"):
        parse_lshw(" " * (16 * 1024 * 1024 + 1))


def test_devices_are_looked_up_by_alias_or_name():
    hardware = Hardware({"nic1": "eno1", "bootdisk": "sda"}, parse_lshw(LSHW))

    assert hardware.nic("nic1") == hardware.nic("eno1")
    assert hardware.nic("nic1") == DeviceName(
        "eno1", mac="52:54:00:aa:00:01", bus_address="0000:19:00.0"
    )
    assert hardware.disk("bootdisk").serial == "WD-1234"
    assert hardware.disk("sdx") is None
    assert hardware.disk_names == ["sda", "sdb"]


def test_a_nic_the_inventory_lacks_keeps_its_name():
    assert Hardware({"nic1": "eno9"}).nic("nic1") == DeviceName("eno9")


def test_a_disk_is_not_found_as_a_nic():
    hardware = Hardware(devices=parse_lshw(LSHW))

    assert hardware.disk("eno1") is None
    assert hardware.nic("sda") == DeviceName("sda")


NODE = Node("n1", hardware=HardwareProfile("hw", devices=(DeviceAlias("os", "0:2.0.0", "scsi"),)))


def test_a_provisioner_may_tell_the_devices_itself():
    disk = Device("disk", ("sdq",), "scsi@0:2.0.0", "X1", 5)
    # Then an lshw beside them is build data only.
    inventory = Inventory((Document("lshw", "text/xml", LSHW),), devices=(disk,))

    hardware = hardware_of(Site(), NODE, inventory)

    assert hardware.disk("os") is disk
    assert hardware.disk("sda") is None


def test_else_they_are_read_from_lshw_among_the_documents():
    documents = (Document("lldp", "text/xml", "<lldp/>"), Document("lshw", "text/xml", LSHW))

    assert hardware_of(Site(), NODE, Inventory(documents)).disk("os").serial == "WD-1234"


def test_an_inventory_without_either_is_refused():
    with pytest.raises(InvalidDesign, match=r"n1: .* neither devices nor an lshw document"):
        hardware_of(Site(), NODE, Inventory((Document("lldp", "text/xml", "<lldp/>"),)))


def test_a_machine_without_any_device_is_not_one_whose_devices_are_unknown():
    assert hardware_of(Site(), NODE, Inventory(devices=())).disk_names == []


def test_serial_and_uuid_are_those_of_the_system_and_not_of_its_parts():
    text = """<list><node id="h" class="system"><serial>7XK9</serial>
    <configuration><setting id="boot" value="uefi"/><setting id="uuid" value="4C4C4544-0043"/>
    </configuration><node id="core" class="bus"><serial>BOARD</serial>
    <configuration><setting id="uuid" value="other"/></configuration>
    <node class="network"><logicalname>eno1</logicalname><serial>52:54:00:AA:00:01</serial></node>
    <node class="disk"><logicalname>/dev/sda</logicalname><serial>DISK</serial></node>
    </node></node></list>"""
    assert identity_of(text) == Identity("7XK9", "4C4C4544-0043", ("52:54:00:aa:00:01",))


def test_an_inventory_that_does_not_say_who_it_is_of_says_nothing():
    assert identity_of("<list><node class='system'/></list>") == Identity()


def test_an_inventory_of_too_many_nodes_is_refused():
    node = '<node class="network"><logicalname>a</logicalname></node>'
    with pytest.raises(InvalidDesign, match="lshw: more than 10000 nodes"):
        parse_lshw(f"<list>{node * 10_001}</list>")


def test_a_text_of_any_length_is_read_whole():
    """In pieces of a few KiB, whose sum was once made anew for each: 16 MiB took minutes."""
    serial = "x" * 12_000_000
    text = f'<node class="network"><logicalname>a</logicalname><serial>{serial}</serial></node>'
    (device,) = parse_lshw(text)
    assert device.serial == serial


def one_disk(serial, name="sda"):
    return (
        f"<node><node class='disk'><logicalname>/dev/{name}</logicalname>"
        f"<serial>{serial}</serial><size>5</size></node></node>"
    )


@pytest.mark.parametrize(
    ("written", "read"),
    [
        *(("WD\x01-1", "WD-1"), ("WD&#1;-1", "WD-1"), ("WD&#x1F;-1", "WD-1"), ("\x00W\x0b", "W")),
        *(("A&B", "A&B"), ("A&amp;B", "A&amp;B".replace("amp;", "")), ("A&nbsp;B", "A&nbsp;B")),
        *(("A&#65;&", "AA&"), ("\ud800W", "W"), ("\ufffeW", "W"), ("&#xD800;W", "W"), ("&", "&")),
        ("&#38;B\x01", "&B"),
    ],
)
def test_a_character_that_xml_may_not_hold_costs_that_character_only(written, read):
    (device,) = parse_lshw(one_disk(written))

    assert (device.serial, device.names) == (read, ("sda",))


def test_the_mac_of_a_nic_is_read_in_any_notation():
    (nic,) = parse_lshw(
        "<node><node class='network'><logicalname>eno1</logicalname>"
        "<serial>52-54-00-AA-BB-01</serial></node></node>"
    )

    assert nic.serial == "52:54:00:aa:bb:01"


@pytest.mark.parametrize(
    ("path", "found"),
    [
        *(("mapper/mpatha", "mpatha"), ("disk/by-id/wwn-0x5", "mpatha"), ("sda", "sda")),
        *(("disk/by-id/ata-WDC_WD40_WD-1234", "sda"), ("disk/by-id/scsi-SATA_WD-1234", "sda")),
        *(("mapper/other", None), ("disk/by-id/ata-x-4", None)),
    ],
)
def test_a_path_matches_a_disk_by_its_last_part_or_serial_number(path, found):
    disks = (
        Device("disk", ("sda",), serial="WD-1234"),
        Device("disk", ("mpatha", "dm-0", "wwn-0x5")),
    )

    disk = Hardware(devices=disks).disk(path)

    assert (disk and disk.names[0]) == found


def test_serials_that_lshw_does_not_know_come_from_who_read_them():
    text = LSHW.replace("<serial>WD-1234</serial>", "")
    identities = (Device("disk", ("sda",), serial="WD-1234", wwn="0x5000c500"),)
    inventory = Inventory((Document("lshw", "text/xml", text),), identities=identities)
    devices = devices_of(a_node("n1"), inventory)
    (disk,) = [device for device in devices if "sda" in device.names]
    assert device_name(disk, "sda") == DeviceName(
        "sda", serial="WD-1234", bus_address="0:2.0.0", wwn="0x5000c500"
    )

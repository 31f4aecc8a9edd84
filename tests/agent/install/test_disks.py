"""Which disk the plan means, from sysfs as kernels have it; nothing ambiguous is written."""

import json
import os
import shutil
import subprocess

import pytest

from drydockd.agent.install import disks
from drydockd.agent.install.disks import Busy, NoMatch
from tests.agent.install.rig import MIB, Recorder, a_disk, a_file_disk

SCSI = "devices/pci0000:00/0000:00:05.0/host0/target0:0:2/0:0:2:0"
VIRTIO = "devices/pci0000:00/0000:00:04.0/virtio3"
NVME = "devices/pci0000:00/0000:01:00.0/nvme/nvme0"
ISCSI = "devices/platform/host7/session1/target7:0:0/7:0:0:1"


@pytest.fixture
def sysfs(tmp_path):
    def add(name, device, files=(), of_device=()):
        entry = tmp_path / device / "block" / name
        entry.mkdir(parents=True)
        (tmp_path / "block").mkdir(exist_ok=True)
        (tmp_path / "block" / name).symlink_to(entry)
        (entry / "device").symlink_to(tmp_path / device)
        for file, text in {"size": "2048", "ro": "0", "removable": "0", **dict(files)}.items():
            (entry / file).write_text(text + "\n")
        for file, content in dict(of_device).items():
            (tmp_path / device / file).write_bytes(content)
        return entry

    (tmp_path / "block").mkdir()
    return type("Sysfs", (), {"path": tmp_path, "add": staticmethod(add)})


def only(sysfs):
    (disk,) = disks.disks_of(sysfs.path)
    return disk


def test_a_virtio_disk(sysfs):
    sysfs.add("vda", VIRTIO, {"serial": "SER-1"})
    disk = only(sysfs)
    assert (disk.serial, disk.size_bytes, disk.path) == ("SER-1", MIB, "/dev/vda")
    assert disk.bus_addresses == ("3", "0000:00:04.0")
    assert disk.transport == "local"


def test_a_scsi_disk_has_its_serial_in_a_page_and_its_address_as_lshw_writes_it(sysfs):
    page = b"\x00\x80\x00\x0a" + b"  WD-42\x00\x00 "
    sysfs.add("sda", SCSI, (), {"vpd_pg80": page, "wwid": b"naa.5000C500A1B2C3D4\n"})
    disk = only(sysfs)
    assert (disk.serial, disk.wwn) == ("WD-42", "naa.5000C500A1B2C3D4")
    assert disk.bus_addresses == ("0:0.2.0", "0000:00:05.0")


def test_an_nvme_disk(sysfs):
    sysfs.add("nvme0n1", NVME, {"wwid": "eui.0025385"}, {"serial": b"N-1   \n"})
    disk = only(sysfs)
    assert (disk.serial, disk.wwn) == ("N-1", "eui.0025385")
    assert disk.bus_addresses == ("0000:01:00.0", "0:1")
    assert disks.partition_path(disk, 2) == "/dev/nvme0n1p2"
    assert disks.partition_path(a_disk("vda"), 2) == "/dev/vda2"


def test_what_is_no_disk_has_no_medium_or_is_a_hidden_path_is_left_out(sysfs):
    for number, name in enumerate(("loop0", "ram1", "md127", "dm-0", "sr0", "nbd3", "rbd0")):
        sysfs.add(name, f"devices/virtual/{number}")
    sysfs.add("sdb", SCSI, {"size": "0"})
    sysfs.add("nvme0c0n1", NVME, {"hidden": "1"})
    assert disks.disks_of(sysfs.path) == []


def test_flags_and_disks_of_a_network(sysfs):
    sysfs.add("sdc", ISCSI, {"ro": "1", "removable": "1"})
    disk = only(sysfs)
    assert (disk.is_readonly, disk.is_removable, disk.transport) == (True, True, "network")


def an_entry(size=MIB, **find):
    return {"find": find, "size_bytes": size, "partitions": []}


HERE = [
    a_disk("vda", serial="A", wwn="naa.5000aa", bus_addresses=("0",)),
    a_disk("vdb", serial="B", bus_addresses=("1", "0:0.1.0")),
    a_disk("vdc", serial="B", is_readonly=True),
]


@pytest.mark.parametrize(
    ("find", "name"),
    [
        ({"serial": "A", "name": "vdb"}, "vda"),
        ({"wwn": "naa.5000aa"}, "vda"),
        ({"wwn": "0x5000AA"}, "vda"),
        ({"wwn": "wwn-0x5000aa"}, "vda"),
        ({"bus_address": "0:0.1.0", "name": "vda"}, "vdb"),
        ({"name": "vdb"}, "vdb"),
        ({"serial": None, "wwn": "", "name": "vda"}, "vda"),
    ],
)
def test_a_disk_is_found_by_the_first_thing_the_plan_tells(find, name):
    assert [disk.name for disk in disks.match([an_entry(**find)], HERE)] == [name]


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([an_entry(serial="X", name="vda")], "no disk with serial X; there are: vda .*; vdb "),
        ([an_entry(serial="B")], "several disks with serial B; there are: vdb .*; vdc "),
        ([an_entry(size=1 << 40, serial="A")], "the plan was made for 1099511627776 bytes"),
        ([an_entry(name="vdc")], "vdc .* is read-only"),
        ([an_entry(serial="A"), an_entry(name="vda")], "two entries of the plan name"),
        ([an_entry()], "names no disk"),
    ],
)
def test_what_is_not_exactly_one_good_disk_is_told_with_those_there_are(entries, words):
    with pytest.raises(NoMatch, match=words):
        disks.match(entries, HERE)


def test_a_machine_without_disks_says_so():
    with pytest.raises(NoMatch, match="there are: none"):
        disks.match([an_entry(name="vda")], [])


def test_every_nic_of_the_plan_must_be_there():
    disks.match_nics(["52:54:00:00:00:0A"], ["52:54:00:00:00:0a", "x"])
    with pytest.raises(NoMatch, match=r"no NIC 02:.*; there are: none"):
        disks.match_nics(["02:00:00:00:00:01"], [])


def test_all_is_let_go_of_groups_before_arrays():
    programs = Recorder("swapoff", "vgchange", "mdadm", "dmsetup")
    disks.release(programs)
    assert programs.ran == ["swapoff -a", "vgchange -an", "mdadm --stop --scan",
                            "dmsetup remove_all"]  # fmt: skip


def test_a_disk_that_something_stands_on_is_not_erased(sysfs, monkeypatch):
    entry = sysfs.add("vda", VIRTIO)
    (entry / "vda2" / "holders" / "md127").mkdir(parents=True)
    (entry / "holders").mkdir()
    assert disks.holders_of(a_disk("vda"), sysfs.path) == ["md127"]
    monkeypatch.setattr(disks, "holders_of", lambda disk: ["md127"])
    programs = Recorder()
    with pytest.raises(Busy, match=r"vda .* could not be let go of: md127"):
        disks.erase(a_disk("vda"), programs)
    assert programs.ran == []


@pytest.mark.parametrize("size", [1, 512, MIB - 1, MIB, MIB + 1, 2 * MIB, 2 * MIB + 512, 5 * MIB])
def test_both_ends_are_zeroed_on_disks_of_any_size(tmp_path, size):
    disk = a_file_disk(tmp_path / "disk", size)
    disks.zero_ends(disk)
    content = (tmp_path / "disk").read_bytes()
    assert len(content) == size
    end = min(size, MIB)
    assert content[:end].count(0) == end
    assert content[-end:].count(0) == end
    assert content[MIB:-MIB].count(0) == 0


def test_the_script_is_in_the_order_of_places_and_in_mib():
    entries = [
        {"number": 1, "name": "root", "use": "linux", "start_mib": 514, "size_mib": 40,
         "uuid": "0fc63daf-8483-4772-8e79-3d69d8477de5"},
        {"number": 14, "name": "bi\"o\n", "use": "bios", "start_mib": 1, "size_mib": 1},
    ]  # fmt: skip
    assert disks.sfdisk_script(entries).splitlines() == [
        "label: gpt",
        "unit: sectors",
        r"14 : start=1MiB, size=1MiB, type=21686148-6449-6E6F-744E-656564454649, "
        r'name="bi\x22o\x0a"',
        "1 : start=514MiB, size=40MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, "
        'name="root", uuid=0fc63daf-8483-4772-8e79-3d69d8477de5',
    ]


@pytest.mark.skipif(shutil.which("sfdisk") is None, reason="needs sfdisk (fdisk)")
@pytest.mark.parametrize("name", ['a"b', "größe €", "x" * 36, "a\\x20b", "comma, = #"])
def test_sfdisk_reads_any_name_as_it_is(tmp_path, name):
    disk = tmp_path / "disk"
    with open(disk, "wb") as file:
        os.truncate(file.fileno(), 8 * MIB)
    entry = {"number": 3, "name": name, "use": "lvm", "start_mib": 1, "size_mib": 2}
    subprocess.run(
        ["sfdisk", "-q", disk], input=disks.sfdisk_script([entry]), text=True, check=True
    )
    said = subprocess.run(["sfdisk", "--json", disk], capture_output=True, check=True).stdout
    (made,) = json.loads(said)["partitiontable"]["partitions"]
    assert (made["name"], made["start"], made["size"]) == (name, 2048, 4096)


def test_a_disk_without_a_loader_hands_on_to_the_next_boot_device(tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(510) + b"\x55\xaa" + b"\xff" * 512)
    subprocess.run(["sh", "-c", disks.HAND_ON, "hand-on", disk], check=True)
    assert disk.read_bytes() == b"\xcd\x18\xeb\xfe" + bytes(506) + b"\x55\xaa" + b"\xff" * 512

"""Every layout of every design, made on loop devices and read back: partitions, volumes, file
systems.

The kernel of a build machine may have no device-mapper: groups and volumes are made and read back
without being active, what is mounted from them is left out (the QEMU room has it).
"""

import json
import os
import stat
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from drydockd.agent.install import disks
from drydockd.agent.install.disks import TYPES, Disk
from drydockd.agent.install.filesystems import Storage, check
from drydockd.agent.install.programs import Programs
from drydockd.design import Designs
from drydockd.design.inventory import hardware_of
from drydockd.design.storage_plan import storage_plan
from drydockd.drivers.node.netboot.layout import BOOT_RESERVE, EXTENT, layout
from drydockd.errors import InvalidDesign
from tests.agent.install.rig import MIB, quiet
from tests.agent.install.test_filesystems import an_entry, probed
from tests.designs import on_designs
from tests.room.fixtures import open_room
from tests.room.helpers import Site
from tests.sites.folder import on_site_files

SECTOR = 512
pytestmark = [
    pytest.mark.slow,
    pytest.mark.peer("filesystems"),
    pytest.mark.skipif(not Path("/sys/kernel").is_dir(), reason="no partitions without /sys"),
]
# A fixture of the room's own tests.
open_room = open_room


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


LVM = ("pvcreate", "vgcreate", "vgchange", "lvcreate")


class LoopPrograms(Programs):
    """For kernels that read no GPT (partx tells them), a /dev that is no devtmpfs and no
    device-mapper. LVM sees no disks but `here`."""

    def __init__(self):
        super().__init__(quiet())
        self.made, self.here = set(), []

    def run(self, *command, **options):
        if command[0] == "udevadm":
            return ""
        if command[0] in LVM:
            words = [word for word in command[1:] if word != "-Wy"]
            words += ["-an", "-Wn", "-Zn"] if command[0] == "lvcreate" else []
            words += [] if command[0] == "pvcreate" else ["-An"]
            return super().run(command[0], *self.lvm(), *words, **options)
        output = super().run(*command, **options)
        if command[:2] == ("blockdev", "--rereadpt"):
            self.show(command[2])
        return output

    def lvm(self):
        """Options of every command of LVM's."""
        devices = [p for disk in self.here for p in (disk.path, *disks.partitions_of(disk))]
        return ("--driverloaded", "n", "--devices", ",".join(devices))

    def show(self, path):
        name = Path(path).name
        super().run("partx", "--add", path, may_fail=True)
        for entry in Path("/sys/block", name).glob(f"{name}p*"):
            node = Path("/dev", entry.name)
            major, minor = map(int, (entry / "dev").read_text().split(":"))
            if node in self.made or not node.exists():
                node.unlink(missing_ok=True)
                os.mknod(node, stat.S_IFBLK | 0o600, os.makedev(major, minor))
                self.made.add(node)


@pytest.fixture
def programs():
    made = LoopPrograms()
    yield made
    for node in made.made:
        node.unlink(missing_ok=True)


@pytest.fixture
def loop(tmp_path):
    """A function that returns a Disk of so many bytes; sparse, and in memory where that is:
    file systems of disks end at 16 TiB for one file."""
    if os.geteuid() != 0:
        pytest.skip("needs root, for loop devices")
    taken = []
    room = Path("/dev/shm") if Path("/dev/shm").is_dir() else tmp_path

    def one(size, *, sector=SECTOR):
        file = room / f"{tmp_path.name}-{os.getpid()}-{len(taken)}"
        with open(file, "wb") as made:
            made.truncate(size)
        try:
            path = said("losetup", "-fP", "--show", "--sector-size", str(sector), str(file))
        except (subprocess.CalledProcessError, FileNotFoundError) as error:
            pytest.skip(f"needs loop devices: {error}")
        taken.append((path, file))
        return Disk(Path(path).name, size)

    def back():
        for path, file in taken:
            subprocess.run(["losetup", "-d", path], check=True)
            file.unlink()
        taken.clear()

    one.back = back
    yield one
    back()


def made_partitions(disk, sector=SECTOR):
    found = json.loads(said("sfdisk", "--json", disk.path))["partitiontable"]
    assert found["label"] == "gpt"
    size = MIB // sector
    return {
        int(p["node"].removeprefix(disk.path + "p")): (
            p.get("name", ""), p["type"], p["start"] / size, p["size"] / size, p["uuid"].lower(),
        )
        for p in found["partitions"]
    }  # fmt: skip


def compare_partitions(disk, entries, sector=SECTOR):
    there = made_partitions(disk, sector)
    assert sorted(there) == sorted(entry["number"] for entry in entries)
    for entry in entries:
        name, kind, start, size, uuid = there[entry["number"]]
        assert (name, kind) == (entry["name"], TYPES[entry["use"]])
        assert (start, size) == (entry["start_mib"], entry["size_mib"])
        assert uuid == (entry["uuid"] or uuid).lower()


def compare_groups(plan, storage, programs):
    """Members, and each volume with its extents and the design's uuid, if it has one."""
    if not plan["groups"]:
        return
    # Not by `run`: it would not be on standard output alone.
    report = ("--reportformat", "json", "--units", "b", "--nosuffix")

    def told(command, columns):
        words = (command, *programs.lvm(), *report, "-o", columns)
        return json.loads(said(*words))["report"][0][command[:-1]]

    members = {(row["pv_name"], row["vg_name"]) for row in told("pvs", "pv_name,vg_name")}
    assert members == {
        (storage.path_of(place), group["name"])
        for group in plan["groups"]
        for place in group["members"]
    }
    columns = "vg_name,lv_name,lv_size,vg_extent_size,lv_tags"
    volumes = {
        (row["vg_name"], row["lv_name"], int(row["lv_size"]), row["lv_tags"])
        for row in told("lvs", columns)
    }
    assert volumes == {
        (
            group["name"],
            volume["name"],
            volume["extents"] * EXTENT,
            f"uuid-{volume['uuid']}" if volume.get("uuid") else "",
        )
        for group in plan["groups"]
        for volume in group["volumes"]
    }


def compare_filesystem(entry, path):
    wanted = {"TYPE": entry["kind"], "UUID": entry["uuid"], "LABEL": entry["label"] or ""}
    assert probed(path) == wanted


async def plans_of(path, open_room):
    """The distinct layouts of a design: nodes of one profile have the same. None if nothing of it
    is ever deployed: a fault of the design, or no machines."""
    designs = Designs()
    design = await designs.compile(path.read_bytes(), path.as_uri())
    await designs.close()
    if not design.ok or not design.site.nodes:
        return None
    lab, found = Site(open_room()), {}
    for node in design.site.nodes.values():
        inventory = await lab.nodes.inventory(await lab.prepare(node))
        hardware = hardware_of(design.site, node, inventory)
        plan = storage_plan(design.site, node, hardware, boot_reserve=BOOT_RESERVE)
        made = layout(plan, "d1")
        nameless = [replace(disk, find=None) for disk in made.disks]
        found.setdefault(repr((nameless, made.groups, made.filesystems)), asdict(made))
    return list(found.values())


# Its machines mount nothing at /.
REFUSED = "atl-lab1-2018-02"


@pytest.mark.parametrize(
    "path",
    [
        *on_designs("foundry", "two-regions", "workshop", "example-site"),
        *(path for path in on_site_files() if path.id != REFUSED),
    ],
)
async def test_every_layout_of_a_design_is_on_the_disk_as_planned(path, open_room, loop, programs):
    plans = await plans_of(path, open_room)
    if plans is None:
        pytest.skip("a design that does not load, or of no machines")
    assert plans
    for plan in plans:
        check(plan["filesystems"])
        here = programs.here = [loop(entry["size_bytes"]) for entry in plan["disks"]]
        plain = [entry for entry in plan["filesystems"] if entry["place"]["disk"] is not None]
        storage = Storage({**plan, "filesystems": plain}, here, programs)
        for disk, entry in zip(here, plan["disks"], strict=True):
            disks.erase(disk, programs)
            if entry["partitions"]:
                disks.partition(disk, entry["partitions"], programs)
                compare_partitions(disk, entry["partitions"])
        storage.make_volumes()
        compare_groups(plan, storage, programs)
        storage.make_filesystems()
        for entry in plain:
            compare_filesystem(entry, storage.path_of(entry["place"]))
        loop.back()


@pytest.mark.parametrize("path", on_site_files(REFUSED))
async def test_a_site_whose_machines_have_no_root_is_refused(path, open_room):
    with pytest.raises(InvalidDesign, match="nothing is mounted at /"):
        await plans_of(path, open_room)


ENTRIES = [
    {"number": 14, "name": "bios", "use": "bios", "start_mib": 1, "size_mib": 1, "uuid": None},
    {"number": 1, "name": "root", "use": "linux", "start_mib": 2, "size_mib": 100, "uuid": None},
    {"number": 2, "name": "pv", "use": "lvm", "start_mib": 102, "size_mib": 25,
     "uuid": "0fc63daf-8483-4772-8e79-3d69d8477de5"},
]  # fmt: skip


def test_sectors_of_4096_bytes_move_nothing(loop, programs):
    disk = loop(128 * MIB, sector=4096)
    disks.partition(disk, ENTRIES, programs)
    compare_partitions(disk, ENTRIES, 4096)


def test_an_installation_over_an_older_one_finds_nothing_of_it(loop, programs):
    """The same partitions again: a signature that stayed would be found in them."""
    disk = loop(128 * MIB)
    disks.partition(disk, ENTRIES, programs)
    root = an_entry("ext4", label="old")
    Storage({"filesystems": [root]}, [disk], programs).make_filesystems()
    assert probed(f"{disk.path}p1")["LABEL"] == "old"

    disks.erase(disk, programs)
    assert disks.partitions_of(disk) == []
    disks.partition(disk, ENTRIES, programs)

    found = subprocess.run(["blkid", "-p", "-o", "export", f"{disk.path}p1"],
                           capture_output=True, text=True, check=False)  # fmt: skip
    assert "old" not in found.stdout
    assert "TYPE=ext4" not in found.stdout

"""A BIOS and a UEFI machine for real: from power off to deployed, held against their design, wiped.

By the lab's command and the public API, with power cycles by IPMI; the installed systems say
themselves what they are, by a boot action. Limits are those of a slow host with other work.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from drydockd.room.qemu.machine import DISK_GIB
from drydockd.room.qemu.room import MACHINES
from drydockd.room.qemu.site import DOMAIN
from tests.daemon.qemulab import Lab, a_folder, assert_in_order, destroyed, is_empty, marks, said_of

pytestmark = marks()

NAMES = ["q01-bios", "q02-uefi"]
MIB = 1 << 20
# Mount point -> file system, and for partitions their number and size: 20g, 1g; the rest of 28 GiB
# less 516 MiB that the provisioner needs.
PARTITIONS = {
    "/": ("ext4", 1, 20 * 10**9),
    "/boot": ("ext4", 2, 10**9),
    "/var/log": ("xfs", 3, None),
}
VOLUMES = {"/var/lib/images": ("ext4", "data-images"), "/srv": ("xfs", "data-srv")}


@pytest.fixture(scope="module")
def lab():
    with a_folder() as folder:
        running = Lab(folder)
        yield running
        running.stop()


@pytest.fixture(scope="module")
def api(lab):
    with lab.api(lab.serves()) as client:
        yield client


@pytest.fixture(scope="module")
def accounts(api):
    """Node -> part -> what the installed system told of it, through the API."""
    found = {}
    for action in api.get("/bootactions").json():
        task = api.get(f"/tasks/{action['task_id']}").json()
        parts = found.setdefault(action["node_name"], {})
        for message in task["result"]["details"]["messageList"]:
            if message["context"] == action["action_id"]:
                collect(parts, message)
    return found


def collect(parts, message):
    """Add what one message tells of a part, which may come in pieces."""
    extra = message.get("extra", {})
    if "part" in extra:
        parts[extra["part"]] = parts.get(extra["part"], "") + extra["told"]


def test_two_machines_at_once_go_from_power_off_to_deployed(lab, api):
    text = "".join(lab.said)
    assert "deploy_nodes: success (2 nodes" in text
    nodes = {row["hostname"]: row for row in api.get("/nodes").json()}
    assert {name: nodes[name]["status_name"] for name in NAMES} == dict.fromkeys(NAMES, "Deployed")
    actions = api.get("/bootactions").json()
    assert {row["node_name"]: row["status"] for row in actions} == dict.fromkeys(NAMES, "success")


@pytest.mark.parametrize("name", NAMES)
def test_the_power_was_cycled_by_ipmi_and_the_disk_started_by_the_bmc(api, name):
    assert_in_order(said_of(api, name))


@pytest.mark.parametrize("name", NAMES)
def test_its_inspection_heard_the_switch_at_each_of_its_ports(api, name):
    kept = api.get(f"/nodes/{name}/builddata").json()
    (told,) = [json.loads(row["data_element"]) for row in kept if row["generator"] == "lldp"]
    number = int(name[1:3])
    boot = re.compile(rf"ddlab\d-{number}")
    ports = sorted((one["system"], one["port"]) for one in told.values())
    assert boot.fullmatch(ports[0][1])
    assert ports == [
        ("lab-boot", ports[0][1]),
        ("lab-trunk", f"{number}/1"),
        ("lab-trunk", f"{number}/2"),
    ]
    assert [one["vlans"] for one in told.values() if "vlans" in one] == [{"21": "vlan21"}] * 2


@pytest.mark.parametrize("name", NAMES)
def test_the_installed_system_started_from_its_disk_by_its_firmware(accounts, name):
    told = accounts[name]
    assert told["hostname"].strip() == name
    assert told["firmware"] == name.partition("-")[2]
    assert "VERSION_CODENAME=bookworm" in told["release"]
    words = told["cmdline"].split()
    assert {"console=ttyS0,115200n8", "drydock.lab=quay"} <= set(words)
    root = devices(told)["/"]
    assert f"root=UUID={root['uuid']}" in words


@pytest.mark.parametrize("name", NAMES)
def test_no_unit_of_it_failed(accounts, name):
    assert accounts[name]["failed"].strip() == ""


@pytest.mark.parametrize("name", NAMES)
def test_its_units_are_at_work_and_its_first_boot_is_over(accounts, name):
    rows = [line.split(None, 4) for line in accounts[name]["units"].splitlines()]
    states = {unit: active for unit, _, active, *_ in rows}
    wanted = ["systemd-networkd.service", "ssh.service", "network-online.target"]
    wanted += ["-.mount", "boot.mount", "boot-efi.mount", "var-log.mount", "srv.mount"]
    wanted += ["var-lib-images.mount", "local-fs.target"]
    assert {unit: states.get(unit) for unit in wanted} == dict.fromkeys(wanted, "active")
    # It removes itself; the account may come before or after.
    assert states.get("drydock-first-boot.service", "inactive") in ("activating", "inactive")
    assert "failed" not in states.values()


@pytest.mark.parametrize("name", NAMES)
def test_it_knows_its_names_and_its_name_servers(accounts, name):
    lines = [line.split() for line in accounts[name]["hosts"].splitlines()]
    assert any({name, f"{name}.{DOMAIN}"} <= set(words) for words in lines), lines
    words = [line.split() for line in accounts[name]["resolv"].splitlines()]
    (server,) = [line[1] for line in words if line[:1] == ["nameserver"]]
    assert re.fullmatch(r"10\.222\.\d+\.1", server)
    assert ["search", DOMAIN] in words or ["domain", DOMAIN] in words


def devices(told):
    """Mount point -> what lsblk tells of its device, with the serial number of the disk."""
    found = {}

    def walk(device, serial):
        found[device["mountpoint"]] = {**device, "disk": serial}
        for child in device.get("children", ()):
            walk(child, serial)

    for disk in json.loads(told["lsblk"])["blockdevices"]:
        walk(disk, disk["serial"])
    return found


@pytest.mark.parametrize("name", NAMES)
def test_its_disks_are_those_of_the_design(accounts, name):
    found, serial = devices(accounts[name]), f"QEMU-00{name[1:3]}"
    for mountpoint, (kind, number, size) in PARTITIONS.items():
        device = found[mountpoint]
        assert (device["fstype"], device["name"], device["disk"]) == (
            kind,
            f"vd{device['name'][2]}{number}",
            f"{serial}-D0",
        )
        if size is not None:
            # Down to whole MiB.
            assert size - MIB < device["size"] <= size
    rest = DISK_GIB[0] * 1024 * MIB - 516 * MIB - 20 * 10**9 - 10**9
    assert rest - 8 * MIB < found["/var/log"]["size"] <= rest + 8 * MIB
    for mountpoint, (kind, volume) in VOLUMES.items():
        device = found[mountpoint]
        assert (device["fstype"], device["name"], device["type"], device["disk"]) == (
            kind,
            volume,
            "lvm",
            f"{serial}-D1",
        )
    group = DISK_GIB[1] * 1024 * MIB
    assert 0.39 * group < found["/var/lib/images"]["size"] <= 0.4 * group
    assert (found["/boot/efi"]["fstype"], found["/boot/efi"]["size"]) == ("vfat", 512 * MIB)
    kinds = {device["name"][3:]: device["parttypename"] for device in partitions(accounts[name])}
    assert (kinds["14"], kinds["15"]) == ("BIOS boot", "EFI System")
    assert sorted(kinds) == ["1", "14", "15", "2", "3"]
    mounts = {m["target"]: m for m in flat(json.loads(accounts[name]["mounts"])["filesystems"])}
    for mountpoint, device in ((m, found[m]) for m in (*PARTITIONS, *VOLUMES, "/boot/efi")):
        assert mounts[mountpoint]["fstype"] == device["fstype"]
        assert "rw" in mounts[mountpoint]["options"].split(",")
    fstab = [line.split() for line in accounts[name]["fstab"].splitlines()]
    told = {where: (what, kind) for what, where, kind, *_ in fstab}
    for mountpoint in (*PARTITIONS, *VOLUMES):
        device = found[mountpoint]
        assert told[mountpoint] == (f"UUID={device['uuid']}", device["fstype"])


def flat(devices):
    for device in devices:
        yield device
        yield from flat(device.get("children", ()))


def partitions(told):
    """Those of the boot disk."""
    everything = list(flat(json.loads(told["lsblk"])["blockdevices"]))
    (root,) = [device for device in everything if device["mountpoint"] == "/"]
    return [
        device
        for device in everything
        if device["type"] == "part" and device["name"][:3] == root["name"][:3]
    ]


@pytest.mark.parametrize("name", NAMES)
def test_its_bond_aggregates_both_ports_and_is_as_designed(accounts, name):
    text = accounts[name]["bond"]
    for line in (
        "Bonding Mode: IEEE 802.3ad Dynamic link aggregation",
        "Transmit Hash Policy: layer3+4 (1)",
        "LACP rate: fast",
        "MII Polling Interval (ms): 100",
        "Up Delay (ms): 200",
        "Down Delay (ms): 200",
        "Number of ports: 2",
    ):
        assert line in text
    macs = set(re.findall(r"Permanent HW addr: (\S+)", text))
    assert macs == {f"52:54:00:dd:{name[1:3]}:0{port}" for port in (1, 2)}
    # Both in sync, collecting, distributing, as both sides see it.
    assert re.findall(r"port state: (\d+)", text) == ["63"] * 4


@pytest.mark.parametrize("name", NAMES)
def test_its_addresses_and_routes_are_those_of_the_design(accounts, name):
    number = 10 + int(name[1:3])
    links = {link["ifname"]: link for link in json.loads(accounts[name]["addresses"])}
    vlan = links["bond0.21"]
    assert (vlan["link"], vlan["linkinfo"]["info_data"]["id"]) == ("bond0", 21)
    addresses = {
        interface: [a["local"] for a in links[interface]["addr_info"] if a["family"] == "inet"]
        for interface in ("pxe", "bond0", "bond0.21")
    }
    lab_number = addresses["pxe"][0].split(".")[2]
    assert addresses == {
        "pxe": [f"10.221.{lab_number}.{number}"],
        "bond0": [],
        "bond0.21": [f"10.222.{lab_number}.{number}"],
    }
    assert links["pxe"]["address"] == f"52:54:00:dd:{name[1:3]}:00"
    assert {links[one]["mtu"] for one in addresses} == {1500}
    assert {links[one]["operstate"] for one in addresses} == {"UP"}
    members = {link["ifname"] for link in links.values() if link.get("master") == "bond0"}
    assert len(members) == 2
    (default,) = [r for r in json.loads(accounts[name]["routes"]) if r["dst"] == "default"]
    told = (default["gateway"], default["dev"], default["metric"])
    assert told == (f"10.222.{lab_number}.1", "bond0.21", 100)


def test_the_console_shows_the_start_of_the_system(lab, api):
    for name in NAMES:
        command = [sys.executable, "-m", "drydockd.cli", "lab", "console", name]
        done = subprocess.run(
            [*command, "--state-dir", str(lab.folder), "--all"], capture_output=True
        )
        assert f"{name} login:".encode() in done.stdout


def test_destroyed_machines_are_off_their_disks_empty_and_forgotten(lab, api):
    task = destroyed(lab, api)
    assert (task["result"]["status"], task["result"]["failures"]) == ("success", [])
    assert sorted(task["result"]["successes"]) == NAMES
    assert api.get("/nodes").json() == []
    for name in NAMES:
        assert lab.is_off(name)
        for index, gib in enumerate(DISK_GIB):
            assert is_empty(lab.folder / MACHINES / name / f"disk{index}.qcow2", gib, lab.folder)


def test_the_lab_ends_and_leaves_no_interface(lab, api):
    assert lab.stop() == 0
    # Those of other labs have other names.
    number = (lab.folder / "netboot" / "dnsmasq.conf").read_text().partition("interface=")[2][:6]
    assert not Path("/sys/class/net", number).exists()

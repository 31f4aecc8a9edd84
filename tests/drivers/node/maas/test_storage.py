"""A machine gets its disks: whatever MAAS has, whatever goes wrong between, and only once."""

from contextlib import suppress
from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.storage import apply_storage
from drydockd.errors import DriverConflict, DriverTransient, DriverUnsupported
from drydockd.plans import StoragePlan
from tests.drivers.node.maas.apparatus import state
from tests.drivers.node.maas.making import Killed, cut_client
from tests.drivers.node.maas.plans import (
    GB,
    SDB,
    a_disk_plan,
    a_group,
    boot_elsewhere,
    commissioned,
    flat,
    fs,
    lvm,
    mounts,
    part,
    rooted,
    volume,
)
from tests.peers.maas import Fault, Simulator, at
from tests.peers.maas.site import furnished

UNIT = 4 * 1024 * 1024
V4 = "9f1b2c3d-4e5f-4a6b-8c7d-0e1f2a3b4c5d"
DATA = a_disk_plan(device=SDB, volume_group="data")
LOGS = a_group("data", ("sdb",), volume("logs", 20 * GB, "/logs"), volume("lib", 70 * GB, "/lib"))
# A layout of MAAS' own, a partition behind it, and a group on the other disk.
PLAN = flat(part("var", 40 * GB, "/var"), extra=(DATA,), groups=(LOGS,))
PARTITIONS = r"nodes/[^/]+/blockdevices/\d+/partitions/"
PARTITION = r"nodes/[^/]+/blockdevices/\d+/partition/\d+"


@pytest.fixture
def life(client):
    return Lifecycle(client, poll_seconds=0.001)


def rounded(size):
    return size // UNIT * UNIT


async def test_partitions_groups_and_volumes_are_made_formatted_and_mounted(maas, client):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, PLAN)
    assert mounts(machine) == {
        "/": (rounded(30 * GB), "ext4"),
        "/boot": (rounded(GB), "ext4"),
        "/var": (rounded(40 * GB), "ext4"),
        "/logs": (rounded(20 * GB), "ext4"),
        "/lib": (rounded(70 * GB), "ext4"),
    }


async def test_a_root_on_a_logical_volume(maas, client):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, lvm())
    assert set(mounts(machine)) == {"/", "/boot", "/log"}
    (group,) = machine.volume_groups.values()
    assert [v["name"] for v in group["logical_volumes"]] == ["sys-root", "sys-log"]


async def test_what_maas_made_of_itself_after_commissioning_is_not_kept(maas, client):
    machine, handle = commissioned(maas)
    elsewhere = a_disk_plan(part("root", 90 * GB, "/"), device=SDB)
    await apply_storage(client, handle, StoragePlan((elsewhere,), (), ("sdb", "root")))
    await apply_storage(client, handle, flat())
    assert set(mounts(machine)) == {"/", "/boot"}
    assert next(iter(machine.blockdevices)) == machine.boot_disk


@pytest.mark.parametrize("size", [98 * GB, 99 * GB])
async def test_a_root_takes_all_of_a_disk(maas, client, size):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, rooted(part("root", size, "/")))
    assert mounts(machine) == {"/": (rounded(size), "ext4")}


async def test_a_second_run_reads_once_and_changes_nothing(maas, client):
    _, handle = commissioned(maas)
    await apply_storage(client, handle, PLAN)
    before = len(maas.calls)
    await apply_storage(client, handle, PLAN)
    assert [call.method for call in maas.calls[before:]] == ["GET"]


async def test_what_is_missing_only_is_added(maas, client):
    _, handle = commissioned(maas)
    await apply_storage(client, handle, flat())
    before = len(maas.writes())
    await apply_storage(client, handle, flat(part("var", 40 * GB, "/var")))
    assert [call.split()[-1] for call in maas.writes()[before:]][1:] == ["format", "mount"]
    assert len(maas.writes()) == before + 3


async def test_another_size_begins_anew(maas, client):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, PLAN)
    await apply_storage(client, handle, flat(part("var", 20 * GB, "/var")))
    assert mounts(machine)["/var"] == (rounded(20 * GB), "ext4")
    assert machine.volume_groups == {}


async def test_uuids_labels_and_options_are_those_of_the_design(maas, client):
    machine, handle = commissioned(maas)
    var = fs("/var", "xfs", uuid=V4, label="var", options="noatime")
    plan = flat(part("var", 9 * GB, filesystem=var, part_uuid=V4))
    await apply_storage(client, handle, plan)
    (found,) = [
        p
        for p in next(iter(machine.blockdevices.values()))["partitions"]
        if p["filesystem"]["mount_point"] == "/var"
    ]
    assert found["uuid"] == found["filesystem"]["uuid"] == V4
    assert found["filesystem"]["label"] == "var"
    assert found["filesystem"]["mount_options"] == "noatime"
    before = len(maas.writes())
    await apply_storage(client, handle, plan)
    assert len(maas.writes()) == before


async def test_row_16_partitions_are_told_apart_whatever_their_numbers(maas, client):
    """With a BIOS, MAAS has a partition of its own before the first one."""
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, flat())
    sda = next(iter(machine.blockdevices.values()))
    assert [p["path"][-1] for p in sda["partitions"]] == ["2", "3"]
    sda["partitions"].reverse()
    before = len(maas.writes())
    await apply_storage(client, handle, flat())
    assert len(maas.writes()) == before


async def test_a_uefi_machine_gets_the_partition_it_starts_from(maas, client):
    machine, handle = commissioned(maas, bios_boot_method="uefi")
    plan = rooted(part("root", 30 * GB, filesystem=fs("/", "xfs")))
    await apply_storage(client, handle, plan)
    assert mounts(machine)["/boot/efi"] == (512 * 1024**2, "fat32")
    before = len(maas.writes())
    await apply_storage(client, handle, plan)
    assert len(maas.writes()) == before


async def test_boot_on_another_disk_makes_it_the_one_that_is_started_from(maas, client):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, boot_elsewhere())
    assert machine.blockdevices[machine.boot_disk]["name"] == "sdb"
    assert set(mounts(machine)) == {"/", "/boot"}


async def test_swap_is_used_and_raw_partitions_are_left_raw(maas, client):
    machine, handle = commissioned(maas)
    plan = flat(part("swap", GB, filesystem=fs("none", "swap")), part("ceph", 20 * GB))
    await apply_storage(client, handle, plan)
    sda = next(iter(machine.blockdevices.values()))
    assert [bool(p["filesystem"]) for p in sda["partitions"]] == [True, True, True, False]
    before = len(maas.writes())
    await apply_storage(client, handle, plan)
    assert len(maas.writes()) == before


async def test_two_partitions_of_one_size_are_no_riddle(maas, client):
    machine, handle = commissioned(maas)
    plan = flat(part("a", 9 * GB, "/a"), part("b", 9 * GB), part("c", 9 * GB, "/c"))
    await apply_storage(client, handle, plan)
    before = len(maas.writes())
    await apply_storage(client, handle, plan)
    assert len(maas.writes()) == before
    assert {"/a", "/c"} < set(mounts(machine))


async def test_a_deployed_machine_and_a_rack_controller_are_left_alone(maas, client):
    _, handle = commissioned(maas, status_name="Deployed")
    await apply_storage(client, handle, PLAN)
    await apply_storage(client, replace(handle, kind="infrastructure"), PLAN)
    assert maas.writes() == []


async def test_an_allocated_machine_is_released_only_for_what_differs(maas, client, life):
    machine, handle = commissioned(maas)
    await apply_storage(client, handle, flat())
    machine.status_name, machine.owner = "Allocated", "admin"
    await apply_storage(client, handle, flat(), life=life)
    assert machine.status_name == "Allocated"
    await apply_storage(client, handle, PLAN, life=life)
    assert machine.status_name == "Ready"
    assert "/var" in mounts(machine)


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (flat(part("var", 9 * GB, filesystem=fs("/var", uuid="x"))), DriverUnsupported),
        (flat(part("var", 90 * GB, "/var")), DriverUnsupported),
        (
            flat(extra=(a_disk_plan(part("x", GB), device=replace(SDB, name="sdz", serial="?")),)),
            DriverConflict,
        ),
    ],
)
async def test_nothing_is_written_when_anything_of_the_plan_is_wrong(maas, client, plan, error):
    _, handle = commissioned(maas)
    with pytest.raises(error):
        await apply_storage(client, handle, plan)
    assert maas.writes() == []


FAULTS = [
    ("POST", "machines/[^/]+/", "set_storage_layout"),
    ("POST", PARTITIONS, None),
    ("POST", PARTITION, "format"),
    ("POST", PARTITION, "mount"),
    ("POST", "nodes/[^/]+/volume-groups/", None),
    ("POST", r"nodes/[^/]+/volume-group/\d+/", "create_logical_volume"),
]


@pytest.mark.parametrize(("method", "path", "op"), FAULTS)
@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"is_lost": True}, {"is_dropped": True}],
    ids=["503", "answer lost", "dropped"],
)
async def test_a_fault_between_ends_well_or_with_the_next_run(
    maas, client, method, path, op, fault
):
    machine, handle = commissioned(maas)
    maas.faults.append(Fault(at(method, path, op), **fault))
    # The layout is set before anything else: its fault ends the step, which is tried again.
    with suppress(DriverTransient):
        await apply_storage(client, handle, PLAN)
    await apply_storage(client, handle, PLAN)
    assert maas.faults[0].times == 0
    assert len(mounts(machine)) == 5
    made = {key: count for (key, _), count in maas.done.items()}
    assert (made["create_partition"], made["create_group"], made["create_volume"]) == (1, 1, 2)
    assert (made["format"], made["mount"]) == (3, 3)


async def test_a_maas_that_stays_away_is_told_as_transient(maas, client):
    _, handle = commissioned(maas)
    maas.faults.append(Fault(at("POST", PARTITIONS), times=99, status=503))
    with pytest.raises(DriverTransient, match="partitions/: 503"):
        await apply_storage(client, handle, PLAN)


async def test_a_partition_that_somebody_removes_between_is_made_again(maas, client):
    machine, handle = commissioned(maas)

    def removed():
        sda = next(iter(machine.blockdevices.values()))
        sda["partitions"].pop()

    maas.faults.append(Fault(at("POST", PARTITION, "mount"), before=removed))
    await apply_storage(client, handle, PLAN)
    assert len(mounts(machine)) == 5


async def test_a_machine_that_somebody_deploys_between_is_told(maas, client):
    machine, handle = commissioned(maas)
    hits = at("POST", PARTITIONS)
    maas.faults.append(Fault(hits, before=lambda: setattr(machine, "status_name", "Deploying")))
    with pytest.raises(DriverConflict, match="it is Deploying"):
        await apply_storage(client, handle, PLAN)


async def run(maas, plan, at=None, *, is_sent=False, firmware="pxe"):
    machine, handle = commissioned(maas, bios_boot_method=firmware)
    client, cut = cut_client(maas, at, is_sent=is_sent)
    with suppress(Killed):
        await apply_storage(client, handle, plan)
    requests = len(maas.calls)
    cut.at = None
    await apply_storage(client, handle, plan)
    await client.close()
    await maas.stop()
    return machine, requests


@pytest.mark.parametrize("is_sent", [False, True], ids=["before MAAS", "after MAAS"])
@pytest.mark.parametrize("plan", [PLAN, lvm()], ids=["flat", "lvm"])
async def test_killed_at_any_request_the_next_run_ends_as_one_that_was_not(plan, is_sent):
    region = furnished(Simulator())
    await region.start()
    whole, requests = await run(region, plan)
    for number in range(requests):
        other = furnished(Simulator())
        await other.start()
        machine, _ = await run(other, plan, number, is_sent=is_sent)
        assert state(machine) == state(whole), f"cut at {number}"
        assert other.done == region.done, f"cut at {number}"

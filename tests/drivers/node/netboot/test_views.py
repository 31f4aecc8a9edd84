"""A machine as tasks and clients see it."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot import views
from drydockd.drivers.node.netboot.machine import Machine, Stage
from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import Document, NodeState
from tests.drivers.node.netboot.shelves import MAC


def test_a_machine_nobody_adopted_is_named_by_its_mac():
    assert views.handle(Machine(MAC)).name == "mac-525400000001"
    row = views.row(Machine(MAC, NodeState.READY, name="n1", memory_mib=1024, cpus=2))
    assert (row.hostname, row.status_name, row.memory, row.cpu_count) == ("n1", "Ready", 1024, 2)


@pytest.mark.parametrize(
    ("fields", "power", "seen"),
    [
        ({}, "unknown", None),
        ({"stage": Stage.OFF, "stage_at": 60.0}, "off", "1970-01-01T00:01:00+00:00"),
        ({"stage": Stage.OFF, "stage_at": 60.0, "seen": 90.0}, "off", "1970-01-01T00:01:00+00:00"),
        (
            {"stage": Stage.NETBOOTED, "stage_at": 60.0, "is_open": True},
            "on", "1970-01-01T00:01:00+00:00",
        ),
        (
            {"stage": Stage.NETBOOTED, "stage_at": 60.0, "seen": 90.0, "is_open": True},
            "on", "1970-01-01T00:01:30+00:00",
        ),
        ({"stage": Stage.NETBOOTED, "stage_at": 60.0, "seen": 90.0}, "unknown", None),
        (
            {"stage": Stage.DISK_BOOTED, "stage_at": 60.0, "seen": 90.0},
            "on", "1970-01-01T00:01:30+00:00",
        ),
    ],
)  # fmt: skip
def test_the_power_is_what_was_seen_last_with_its_time_or_unknown(fields, power, seen):
    row = views.row(Machine(MAC, **fields))
    assert (row.power_state, row.power_seen) == (power, seen)


def test_work_that_failed_may_be_tried_again_and_work_that_was_overtaken_not():
    failed = Machine(MAC, NodeState.FAILED_DEPLOY, reason="no disk")
    told = views.trouble(failed, "deployment", NodeState.FAILED_DEPLOY)
    assert isinstance(told, DriverTransient)
    assert "no disk" in str(told)
    final = replace(failed, is_final=True)
    assert isinstance(views.trouble(final, "deployment", NodeState.FAILED_DEPLOY), DriverPersistent)
    assert (views.handle(failed).final_failure, views.handle(final).final_failure) == (
        None,
        "no disk",
    )
    other = views.trouble(Machine(MAC), "deployment", NodeState.FAILED_DEPLOY)
    assert isinstance(other, DriverConflict)


@pytest.mark.parametrize(
    ("told", "wanted", "is_same"),
    [
        ("10.0.0.7", "10.0.0.7", True),
        ("fd00::1", "FD00:0::1", True),
        ("bmc7", "bmc7", True),
        ("10.0.0.7", "10.0.0.8", False),
        (None, "10.0.0.8", False),
    ],
)
def test_addresses_are_compared_as_addresses(told, wanted, is_same):
    assert views.same_address(told, wanted) is is_same


def test_disks_are_told_by_the_agents_own_document():
    text = '{"disks": [{"name": "vda", "serial": "D-1", "wwn": null}]}'
    (disk,) = views.identities(
        [Document("lshw", "text/xml", "<x/>"), Document("hardware", "j", text)]
    )
    assert (disk.names, disk.serial) == (("vda",), "D-1")
    assert views.identities([]) == ()

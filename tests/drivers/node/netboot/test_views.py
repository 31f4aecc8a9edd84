"""A machine as tasks and clients see it."""

import pytest

from drydockd.drivers.node.netboot import views
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.machines import Document, NodeState
from tests.drivers.node.netboot.shelves import MAC


def test_a_machine_nobody_adopted_is_named_by_its_mac():
    assert views.handle(Machine(MAC)).name == "mac-525400000001"
    row = views.row(Machine(MAC, NodeState.READY, name="n1", memory_mib=1024, cpus=2))
    assert (row.hostname, row.status_name, row.memory, row.cpu_count) == ("n1", "Ready", 1024, 2)


def test_work_that_failed_may_be_tried_again_and_work_that_was_overtaken_not():
    failed = Machine(MAC, NodeState.FAILED_DEPLOY, reason="no disk")
    told = views.trouble(failed, "deployment", NodeState.FAILED_DEPLOY)
    assert isinstance(told, DriverTransient)
    assert "no disk" in str(told)
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

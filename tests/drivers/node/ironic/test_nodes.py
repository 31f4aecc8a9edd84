"""What a state of Ironic's means, and whose nodes are nobody's business."""

import re

import pytest

from drydockd.drivers.node.ironic.nodes import BUSY, STATES, instance_of, parse
from drydockd.machines import NodeState

NOBODY = frozenset()
OURS = {"extra": {"drydock": {"deployment_id": "d1"}}, "instance_uuid": instance_of("d1")}


def a_document(provision, **fields):
    return {"uuid": "u-1", "name": "n1", "provision_state": provision, **fields}


@pytest.mark.parametrize(("provision", "state"), list(STATES.items()))
def test_every_state_of_ironics_is_one_of_ours(provision, state):
    assert parse(a_document(provision, **OURS)).state(NOBODY) is state


@pytest.mark.parametrize(
    ("provision", "state"),
    [
        ("cleaning", NodeState.RELEASING),
        ("clean wait", NodeState.RELEASING),
        ("clean failed", NodeState.FAILED_RELEASE),
        ("available", NodeState.READY),
        ("error", NodeState.FAILED_RELEASE),
    ],
)
def test_a_cleaning_that_a_destroy_began_is_a_release(provision, state):
    marked = {"extra": {"drydock": {"releasing": True, "deployment_id": "d1"}}}
    assert parse(a_document(provision, **marked)).state(NOBODY) is state


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"provision_state": "rescue"}, "it is rescue"),
        ({"provision_state": "service failed"}, "it is service failed"),
        ({"maintenance": True, "maintenance_reason": "new fans"}, r"in maintenance \(new fans\)"),
        ({"maintenance": True, "fault": "power failure"}, r"in maintenance \(no reason given\)"),
        ({"owner": "other"}, "its owner or lessee is other"),
        ({"lessee": "other"}, "its owner or lessee is other"),
        ({"instance_uuid": "7a0e9f4e-7b3f-4c44-95f8-9e5dc03f0f01"}, "has the instance 7a0e9f4e"),
        ({"provision_state": "active"}, "it is active, and drydockd did not deploy it"),
        ({"provision_state": "deploy failed"}, "drydockd did not deploy it"),
        ({"provision_state": "active", **OURS, "instance_uuid": instance_of("d2")}, "the instance"),
    ],
)
def test_a_node_of_somebody_else_is_foreign_and_says_why(fields, why):
    node = parse({**a_document("available"), **fields})
    assert node.state(frozenset({"mine"})) is NodeState.FOREIGN
    assert re.search(why, node.foreign(frozenset({"mine"})))


def test_our_own_project_is_no_stranger():
    node = parse(a_document("available", owner="mine", lessee="mine"))
    assert node.state(frozenset({"mine"})) is NodeState.READY


def test_a_maintenance_that_a_failed_cleaning_set_is_ironics_own():
    node = parse(a_document("clean failed", maintenance=True, fault="clean failure"))
    assert node.state(NOBODY) is NodeState.FAILED_COMMISSION


def test_what_is_told_of_a_node_is_read_whatever_is_missing():
    node = parse(
        a_document(
            "available",
            power_state="power on",
            properties={"memory_mb": 16384, "cpus": "8"},
            driver_info={"redfish_address": "https://joe:x@10.0.0.9:8000/redfish"},
            last_error="no http://joe:x@images/a",
        )
    )
    row = node.row(NOBODY, "52:54:00:00:00:01")
    assert (row.memory, row.cpu_count, row.power_state) == (16384, 8, "on")
    assert row.power_address == "10.0.0.9:8000"
    assert node.last_error == "no http://images/a"
    bare = parse({"uuid": "u-2", "provision_state": None, "extra": {"drydock": "odd"}})
    assert (bare.name, bare.state(NOBODY), bare.mark) == ("u-2", NodeState.READY, {})


def test_a_node_is_at_rest_when_nobody_works_on_it():
    assert parse(a_document("available")).is_at_rest
    assert not parse(a_document("available", reservation="conductor-1")).is_at_rest
    assert not any(parse(a_document(provision)).is_at_rest for provision in BUSY)


def test_an_instance_is_the_deployment():
    given = "7a0e9f4e-7b3f-4c44-95f8-9e5dc03f0f01"
    assert instance_of(given.upper()) == given
    assert instance_of("d1") == instance_of("d1") != instance_of("d2")

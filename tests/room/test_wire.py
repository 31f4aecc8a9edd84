"""Both ends agree on how operations look."""

import pytest

from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverTransient,
    InvalidInput,
    NodeUnknown,
)
from drydockd.machines import PowerState
from drydockd.plans import BootDelivery, NetworkPlan
from drydockd.room.card import NodeCard, card_of
from drydockd.room.wire import TABLE, error_body, error_of
from tests.room.helpers import KEY, a_node, a_spec


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("bmc_power", {"card": card_of(a_node()), "wanted": PowerState.OFF}),
        ("bmc_power", {"card": NodeCard("n1"), "wanted": None}),
        ("deploy", {"machine": "m1", "spec": a_spec(boot=BootDelivery(KEY, "http://a", "n1"))}),
        (
            "apply_network",
            {"machine": "m1", "plan": NetworkPlan((), ("10.0.0.1",), ("1.1.1.1",), "x")},
        ),
        ("keep", {"kind": "key", "entries": {"a": "b"}, "remove_unlisted": True}),
    ],
)
def test_arguments_arrive_as_they_were_sent(name, arguments):
    assert TABLE[name].unpack(TABLE[name].pack(arguments)) == arguments


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ([], "must be a JSON object"),
        ({}, "deploy: needs machine, spec"),
        ({"machine": "m1", "spec": {}, "now": True}, "deploy: takes no now"),
        ({"machine": 1, "spec": {}}, "deploy: machine: "),
        ({"machine": "m1", "spec": {}}, "deploy: spec.deployment_id: "),
    ],
)
def test_wrong_arguments_are_named(raw, said):
    with pytest.raises(InvalidInput, match=said):
        TABLE["deploy"].unpack(raw)


@pytest.mark.parametrize("kind", [NodeUnknown, DriverConflict, DriverTransient, DriverPersistent])
def test_driver_errors_stay_what_they_are(kind):
    error = error_of(409, error_body(kind("n1: why")))
    assert (type(error), str(error)) == (kind, "n1: why")


def test_odd_answers_become_driver_errors_too():
    assert type(error_of(400, {"type": "InvalidInput", "message": "x"})) is DriverPersistent
    assert type(error_of(502, None)) is DriverTransient
    assert type(error_of(500, {"type": "SystemExit"})) is DriverTransient

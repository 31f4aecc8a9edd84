"""Bodies of agents: bounded, and a newer agent's fields do no harm."""

import pytest
from pydantic import ValidationError

from drydockd.drivers.node.netboot.messages import End, Hello, InventoryReport
from tests.drivers.node.netboot.shelves import MAC, NONCE


def test_what_a_newer_agent_adds_is_left_out():
    assert Hello(nonce=NONCE, mac=MAC, macs=[MAC], colour="red").mac == MAC


@pytest.mark.parametrize(
    "body",
    [
        {"nonce": "short", "mac": MAC, "macs": [MAC]},
        {"nonce": NONCE, "mac": "x" * 300, "macs": [MAC]},
        {"nonce": NONCE, "mac": MAC, "macs": [MAC] * 513},
    ],
)
def test_what_has_no_bound_is_refused(body):
    with pytest.raises(ValidationError):
        Hello(**body)


def test_the_documents_of_an_inventory_are_those_that_are_there():
    report = InventoryReport(mac=MAC, macs=[MAC], lshw="<x/>", lldp="{}")
    assert report.documents() == {"lshw": "<x/>", "lldp": "{}"}


def test_steps_are_names_with_seconds():
    assert End(id="x", ok=True, steps=[["wipe", 1.5]]).steps == (("wipe", 1.5),)

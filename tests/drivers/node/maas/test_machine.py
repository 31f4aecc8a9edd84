"""A machine as MAAS tells it."""

import pytest

from drydockd.drivers.node.maas.machine import DEPLOYMENT, INFRASTRUCTURE, read
from drydockd.machines import NodeState
from tests.peers.maas import documents
from tests.peers.maas.machines import add_machine


def test_what_is_used_of_a_document(maas):
    machine = add_machine(maas, "n1", annotations={DEPLOYMENT: "t-1"}, tag_names={"a"})
    nic = next(iter(machine.interfaces.values()))
    nic["links"] = [
        {"id": 1, "mode": "link_up"},
        {"id": 2, "mode": "auto", "ip_address": "10.1.2.3"},
    ]
    found = read(documents.machine(maas, machine))
    assert (found.fqdn, str(found)) == ("n1.maas", "n1.maas (sid001)")
    assert found.macs == {"52:54:00:00:00:01", "52:54:01:00:00:01"}
    handle = found.handle("172.22.9.1")
    assert (handle.id, handle.state, handle.kind) == ("sid001", NodeState.READY, "machine")
    assert (handle.boot_mac, handle.boot_ip) == ("52:54:00:00:00:01", "10.1.2.3")
    assert handle.deployment_id == "t-1"
    row = found.row("172.22.9.1")
    assert (row.hostname, row.memory, row.cpu_count) == ("n1", 65536, 32)
    assert (row.status_name, row.power_state) == ("Ready", "off")


def test_a_bare_document_is_enough():
    found = read({"system_id": "x"}, INFRASTRUCTURE)
    assert (found.state, found.handle().kind) == (NodeState.FOREIGN, INFRASTRUCTURE)
    assert found.handle().boot_mac is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Testing", NodeState.COMMISSIONING),
        ("Allocated", NodeState.READY),
        ("Disk erasing", NodeState.RELEASING),
        ("Failed disk erasing", NodeState.FAILED_RELEASE),
        ("Failed testing", NodeState.FAILED_COMMISSION),
        ("Rescue mode", NodeState.FOREIGN),
        ("Reserved", NodeState.FOREIGN),
        ("something of 3.9", NodeState.FOREIGN),
    ],
)
def test_a_status_is_a_state(status, state):
    assert read({"system_id": "x", "status_name": status}).state is state

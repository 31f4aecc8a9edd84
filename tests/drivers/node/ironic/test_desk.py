"""Requests about nodes and ports, and what their answers mean."""

import pytest

from drydockd.drivers.node.ironic.access import access_of
from drydockd.drivers.node.ironic.client import IronicClient
from drydockd.drivers.node.ironic.desk import Desk, drop, marked, put
from drydockd.errors import NodeUnknown
from tests.drivers.node.ironic.pretend import MAC, UUID, PretendIronic
from tests.drivers.node.ironic.proxy import proxy
from tests.drivers.node.ironic.sites import options


@pytest.fixture
async def desk():
    ironic = PretendIronic("available", extra={"drydock": {"enrolled": True}, "theirs": 1})
    async with proxy(rule=ironic) as line:
        client = IronicClient(access_of(options(line.url)), seconds=30)
        found = Desk(client)
        found.ironic, found.line = ironic, line
        yield found
        await client.close()


async def test_a_node_is_found_by_name_id_and_mac(desk):
    for found in (
        await desk.node("n1", "n1"),
        await desk.node(UUID, "n1"),
        await desk.node_with_mac(MAC, "n1"),
    ):
        assert found.id == UUID
    with pytest.raises(NodeUnknown, match="n9: Ironic has no node of this name and no port 52:54"):
        await desk.node_with_mac("52:54:00:00:00:99", "n9")


async def test_a_name_cannot_lead_to_another_path(desk):
    with pytest.raises(NodeUnknown):
        await desk.node("../drivers", "n1")
    assert desk.line.seen[-1].path == "/v1/nodes/..%2Fdrivers"


async def test_a_mark_is_ours_and_leaves_what_is_theirs(desk):
    node = await desk.node("n1", "n1")
    node = await desk.mark(node, deployment_id="d1", enrolled=None)
    assert desk.ironic.node["extra"] == {"drydock": {"deployment_id": "d1"}, "theirs": 1}
    assert marked(node, a=1) == {"deployment_id": "d1", "a": 1}
    assert node.mark == {"deployment_id": "d1"}
    assert (put("/a", 1), drop("/a")) == (
        {"op": "add", "path": "/a", "value": 1},
        {"op": "remove", "path": "/a"},
    )


async def test_the_port_that_boots_is_the_nodes(desk):
    boots = {"uuid": "p-0", "address": MAC[:-2] + "0f", "node_uuid": UUID, "pxe_enabled": True}
    desk.ironic.ports = [{**desk.ironic.ports[0], "pxe_enabled": False}, boots]
    assert await desk.boot_macs() == {UUID: MAC[:-2] + "0f"}
    node = await desk.node("n1", "n1")
    assert await desk.macs(node) == {MAC, MAC[:-2] + "0f"}


async def test_what_is_gone_already_is_fine(desk):
    node = await desk.node("n1", "n1")
    await desk.set_trait(node, "CUSTOM_A")
    assert desk.ironic.traits == {"CUSTOM_A"}
    await desk.forget(node)
    await desk.forget(node)
    await desk.drop_trait(node, "CUSTOM_A")


async def test_history_is_told_in_its_order_without_credentials(desk):
    desk.ironic.events = [
        {
            "created_at": "2",
            "severity": "ERROR",
            "event_type": "deploying",
            "event": "http://a:b@x",
        },
        {"created_at": "1", "severity": "INFO", "event_type": "cleaning", "event": "done"},
    ]
    assert await desk.history("n1", "n1") == [
        (False, "1 INFO cleaning: done"),
        (True, "2 ERROR deploying: http://x"),
    ]

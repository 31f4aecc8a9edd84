"""The whole life of nodes with a real Ironic, and whose nodes are never touched."""

import asyncio

import pytest

from drydockd.errors import NodeUnknown
from drydockd.machines import NodeState
from tests.drivers.node.ironic.sites import a_node, way
from tests.peers.ironic import agent, seen

pytestmark = pytest.mark.slow


async def test_twenty_nodes_go_all_the_way(ironic):
    nodes = [a_node(f"life-{number}", number) for number in range(1, 21)]
    at_once = asyncio.Semaphore(4)
    async with way(ironic.url) as site, agent(ironic, *(seen(n.boot_mac) for n in nodes)) as played:

        async def life(number, node):
            async with at_once:
                handle = await site.prepare(node)
                assert handle.state is NodeState.READY
                handle = await site.deploy(node, f"d{number}")
                assert (handle.state, handle.deployment_id) == (NodeState.DEPLOYED, f"d{number}")
                return handle

        async def ended(node):
            async with at_once:
                await site.destroy(node)

        async with asyncio.TaskGroup() as group:
            for number, node in enumerate(nodes):
                group.create_task(life(number, node))
        rows = {row.hostname: row for row in await site.provisioner.list_nodes()}
        assert {rows[node.name].boot_mac for node in nodes} == {n.boot_mac for n in nodes}
        assert {rows[node.name].status_name for node in nodes} == {"Deployed"}
        assert sorted(played.inspected) == sorted(node.boot_mac for node in nodes)
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(ended(node))
        for node in nodes:
            with pytest.raises(NodeUnknown):
                await site.provisioner.find(node)

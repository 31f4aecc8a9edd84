"""Which machine is which node."""

from drydockd.room.card import NodeCard, card_of
from tests.room.helpers import a_node, quick

DESCRIBED = [
    {"name": "by-name"},
    {"bmc": "10.0.0.9"},
    {"boot_mac": "52:54:00:00:00:09"},
]


async def power(room, card):
    return (await room.bmc_power(card)).id


async def test_a_described_machine_is_known_by_name_bmc_or_mac(open_room):
    room = open_room(quick(machines=DESCRIBED))
    assert await power(room, NodeCard("by-name")) == "m0001"
    assert await power(room, NodeCard("n2", bmc="10.0.0.9")) == "m0002"
    assert await power(room, NodeCard("n3", boot_mac="52:54:00:00:00:09")) == "m0003"


async def test_the_bmc_tells_more_than_the_name(open_room):
    room = open_room(quick(machines=DESCRIBED))
    assert await power(room, NodeCard("by-name", bmc="10.0.0.9")) == "m0002"


async def test_a_node_keeps_the_machine_it_got(open_room):
    room = open_room(quick(machines=2))
    first = await power(room, NodeCard("n1"))
    assert await power(room, NodeCard("n2")) != first
    assert await power(room, NodeCard("n1", bmc="10.9.9.9")) == first


async def test_a_machine_is_not_given_to_two_nodes(open_room):
    room = open_room(quick(machines=[{"bmc": "10.0.0.9"}, {"name": "n2"}]))
    assert (await room.enrol(NodeCard("n1", bmc="10.0.0.9"))).id == "m0001"
    assert (await room.enrol(NodeCard("n2", bmc="10.0.0.9"))).id == "m0002"


async def test_whoever_asks_the_address_of_a_bmc_reaches_the_machine_it_is_wired_to(open_room):
    room = open_room(quick())
    first = await power(room, NodeCard("n1", bmc="10.0.0.1"))
    second = await power(room, NodeCard("n2", bmc="10.0.0.2"))

    assert await power(room, NodeCard("n1", bmc="10.0.0.2")) == second
    assert await power(room, NodeCard("n2", bmc="10.0.0.1")) == first


async def test_a_room_without_a_number_has_a_machine_for_everybody(room):
    ids = [await power(room, NodeCard(f"n{i}")) for i in range(5)]
    assert len(set(ids)) == 5


async def test_the_boot_mac_of_the_design_becomes_the_machines(open_room):
    room = open_room(quick())
    node = a_node(boot_mac="52:54:00:AA:00:01")
    machine = await room.bmc_power(card_of(node))
    assert machine.boot_mac == "52:54:00:aa:00:01"

"""What the room's provisioner tells of a deployed machine."""

from dataclasses import replace

from drydockd.room.account import account_of
from drydockd.room.card import card_of
from tests.room.helpers import Site, a_node, a_spec, far, quick


async def test_a_deployed_machine_tells_what_it_was_and_what_it_is(room):
    site = Site(room)
    handle = await site.prepare(a_node())
    assert await room.installed(card_of(a_node())) is None
    await site.nodes.deploy(handle, a_spec("d1"), site.voice)
    machine = room._cabling.machines[handle.id]
    was = machine.hardware
    machine.hardware = replace(was, memory_mib=1)

    account = await room.installed(card_of(a_node()))
    assert account.deployment_id == "d1"
    assert (account.then.memory_mib, account.now.memory_mib) == (was.memory_mib, 1)
    assert account.then.inventory.documents[0].generator == "lshw"
    async with far(room) as remote:
        assert await remote.installed(card_of(a_node())) == account
    await site.close()


async def test_a_machine_that_was_always_there_tells_only_what_it_is(open_room):
    room = open_room(quick(initial="deployed"))
    node = a_node()
    await room.enrol(card_of(node))
    (machine,) = room._cabling.machines.values()
    account = account_of(machine)
    assert (account.platform, account.storage, account.then.inventory) == (None, None, None)
    assert account.now.inventory is not None

"""What a BMC of the room tells."""

from drydockd.design.inventory import parse_lshw
from drydockd.room.card import card_of
from tests.room.helpers import a_node, quick

LIE = {"serial": "LIE1", "macs": ["52:54:00:00:00:09"], "omits": ["uuid", "name"]}


async def test_a_bmc_tells_what_the_inventory_will_tell(open_room):
    room = open_room(quick(initial="ready"))
    node = a_node(boot_mac="52:54:00:aa:00:01")
    machine = await room.enrol(card_of(node))
    facts = await room.bmc_facts(card_of(node))

    lshw = (await room.inventory(machine.id))[0].text
    assert f"<serial>{facts.serial}</serial>" in lshw
    assert f'value="{facts.uuid}"' in lshw
    macs = [device.serial for device in parse_lshw(lshw) if device.kind == "network"]
    assert sorted(facts.macs) == sorted(macs)
    assert "52:54:00:aa:00:01" in facts.macs


async def test_a_machine_tells_the_same_before_and_after_it_was_commissioned(room):
    before = await room.bmc_facts(card_of(a_node()))
    await room.enrol(card_of(a_node()))
    after = await room.bmc_facts(card_of(a_node()))
    assert (before.serial, before.uuid, before.macs) == (after.serial, after.uuid, after.macs)


async def test_a_bmc_lies_and_is_silent_as_configured(open_room):
    room = open_room(quick(machines=[{"name": "n1", "tells": LIE}]))
    facts = await room.bmc_facts(card_of(a_node()))
    assert (facts.serial, facts.macs) == ("LIE1", ("52:54:00:00:00:09",))
    assert (facts.uuid, facts.name) == (None, None)
    assert facts.vendor == "drydockd"


async def test_what_all_tell_is_a_default(open_room):
    room = open_room(quick(defaults={"tells": {"vendor": "Keel", "omits": ["serial"]}}))
    facts = await room.bmc_facts(card_of(a_node()))
    assert (facts.vendor, facts.serial) == ("Keel", None)

"""Machines are read together, and what was just read is begun with."""

import asyncio

import pytest

from drydockd.drivers.node.maas import rollcall
from drydockd.drivers.node.maas.answers import Missing
from drydockd.drivers.node.maas.rollcall import RollCall, Together
from drydockd.errors import DriverPersistent, DriverTransient
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine


@pytest.fixture
def roll(client):
    return RollCall(client, poll_seconds=0.001)


@pytest.fixture
def sids(maas):
    return [add_machine(maas, f"n{number}").system_id for number in range(3)]


async def names(*reading):
    return [document["hostname"] for document in await asyncio.gather(*reading)]


async def test_those_that_ask_at_once_share_one_request(maas, roll, sids):
    assert await names(*map(roll.read, sids)) == ["n0", "n1", "n2"]
    assert [call.query for call in maas.calls] == [{"id": sids}]


async def test_one_alone_is_asked_for_by_its_path(maas, roll, sids):
    assert await names(roll.read(sids[1])) == ["n1"]
    assert [call.path for call in maas.calls] == [f"machines/{sids[1]}/"]


async def test_only_the_one_that_is_gone_is_missed(roll, sids):
    found = await asyncio.gather(*map(roll.read, (*sids, "nosuch")), return_exceptions=True)
    assert [document["hostname"] for document in found[:3]] == ["n0", "n1", "n2"]
    assert isinstance(found[3], Missing)
    with pytest.raises(Missing, match="machines/nosuch/"):
        await roll.read("nosuch")


async def test_what_a_list_leaves_out_is_asked_for_by_its_path(maas, roll, sids):
    """A list has what the user may see."""
    maas.faults.append(Fault(at("GET", "machines/"), status=200, body=[]))
    maas.faults.append(Fault(at("GET", f"machines/{sids[0]}/"), status=403))
    found = await asyncio.gather(*map(roll.read, sids), return_exceptions=True)
    assert isinstance(found[0], DriverPersistent)
    assert [document["hostname"] for document in found[1:]] == ["n1", "n2"]


async def test_a_failure_is_everybodys_and_is_not_kept(maas, roll, sids):
    maas.faults.append(Fault(at("GET", "machines/"), status=503))
    found = await asyncio.gather(*map(roll.read, sids), return_exceptions=True)
    assert [type(error) for error in found] == [DriverTransient] * 3
    assert await names(*map(roll.read, sids)) == ["n0", "n1", "n2"]


async def test_whoever_gives_up_takes_nothing_from_the_others(roll, sids):
    hasty, *others = [asyncio.ensure_future(roll.read(sid)) for sid in sids]
    await asyncio.sleep(0)
    hasty.cancel()
    assert await names(*others) == ["n1", "n2"]


async def test_a_request_has_only_so_many(maas, roll, sids, monkeypatch):
    monkeypatch.setattr(rollcall, "MOST", 2)
    assert await names(*map(roll.read, sids)) == ["n0", "n1", "n2"]
    assert len(maas.calls) == 2


async def test_who_comes_while_requests_are_under_way_goes_with_the_next():
    asked, gate = [], asyncio.Event()

    async def ask(keys):
        asked.append(keys)
        await gate.wait()
        return {key: len(asked) for key in keys}

    together = Together(ask)
    coming = []
    for key in "abcd":
        coming.append(asyncio.ensure_future(together.of(key)))
        while not (asked and key in asked[-1]) and len(asked) < rollcall.FLIGHTS:
            await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*coming)
    assert asked == [("a",), ("b",), ("c", "d")]


async def test_those_that_wait_are_looked_at_together(maas, roll, sids):
    assert await names(*map(roll.later, sids)) == ["n0", "n1", "n2"]
    assert len(maas.calls) == 1


async def test_names_are_asked_for_together_and_two_of_one_name_are_told(maas, roll):
    maas.domains[1] = {"name": "lab", "authoritative": False}
    add_machine(maas, "n1")
    add_machine(maas, "n1", domain="lab")
    add_machine(maas, "n2")
    one, two, none = await asyncio.gather(*map(roll.named, ("n1", "n2", "n3")))
    assert [document["domain"]["name"] for document in one] == ["maas", "lab"]
    assert (len(two), len(none)) == (1, 0)
    assert len(maas.calls) == 1


async def test_what_was_just_read_is_begun_with_once_and_is_the_callers(maas, roll, sids):
    found = await roll.read(sids[0])
    roll.keep(found)
    begun = await roll.begun(sids[0])
    assert begun == found
    assert begun is not found
    assert len(maas.calls) == 1
    await roll.begun(sids[0])
    assert len(maas.calls) == 2


async def test_what_is_old_or_forgotten_is_read_again(maas, roll, sids, monkeypatch):
    roll.keep(await roll.read(sids[0]))
    roll.keep(await roll.read(sids[1]))
    roll.forget(sids[0])
    await roll.begun(sids[0])
    monkeypatch.setattr(rollcall, "FRESH", -1.0)
    await roll.begun(sids[1])
    assert len(maas.calls) == 4


async def test_a_look_in_between_makes_what_was_kept_old(maas, roll, sids):
    roll.keep(await roll.read(sids[0]))
    maas.machines[sids[0]].status_name = "Deploying"
    await roll.read(sids[0])
    assert (await roll.begun(sids[0]))["status_name"] == "Deploying"


async def test_the_number_of_a_commissioning_is_known_once_it_has_ended(maas, roll, sids):
    machine = maas.machines[sids[0]]
    assert roll.commissioning(sids[0]) is None
    machine.commissioning = 7
    await roll.read(sids[0])
    assert roll.commissioning(sids[0]) == 7
    machine.status_name = "Commissioning"
    await roll.read(sids[0])
    assert roll.commissioning(sids[0]) is None


async def test_closing_ends_what_waits(client, sids):
    roll = RollCall(client, poll_seconds=3600)
    waiting = asyncio.ensure_future(roll.later(sids[0]))
    await asyncio.sleep(0)
    roll.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting

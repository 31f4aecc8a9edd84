"""Machines in memory and on the shelf."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.machine import Machine, Phase, begun
from drydockd.drivers.node.netboot.records import Machines, document_name
from drydockd.errors import DriverConflict, InvalidConfig, NodeUnknown, StoreUnavailable
from drydockd.machines import NodeState
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf

NEW = Machine(MAC, name="n1", documents={"lshw": "d"})


@pytest.fixture
async def machines():
    machines = Machines(MemoryShelf())
    await machines.save(NEW)
    return machines


async def test_a_restarted_daemon_reads_every_field_again(machines):
    machine = begun(NEW, Phase.INSPECT)
    await machines.save(machine)
    assert Machines(machines._shelf).get(MAC) == machine


async def test_who_follows_sees_what_the_other_one_changes(machines):
    follower = Machines(machines._shelf, follows=True)
    assert follower.get(MAC) == NEW
    await machines.change(MAC, lambda machine: replace(machine, name="other"))
    same = follower.get(MAC)
    follower.renew()
    assert (follower.named("other"), follower.named("n1")) == (machines.get(MAC), None)
    follower.renew()
    assert follower.get(MAC) is not same
    assert follower.get(MAC) is follower.named("other"), "what did not change is not read again"
    await machines.forget(MAC)
    follower.renew()
    assert (len(follower), follower.named("other")) == (0, None)


async def test_a_change_that_cannot_be_written_is_not_seen(machines):
    machines._shelf.fails = StoreUnavailable("full")
    with pytest.raises(StoreUnavailable):
        await machines.change(MAC, lambda m: replace(m, name="other"))
    assert machines.get(MAC) == NEW


async def test_a_way_that_refuses_changes_nothing(machines):
    with pytest.raises(DriverConflict):
        await machines.change(MAC, lambda m: begun(m, Phase.INSTALL))
    assert machines.get(MAC).state is NodeState.NEW
    with pytest.raises(NodeUnknown):
        await machines.change("52:54:00:00:00:99", lambda m: m)


async def test_a_watcher_is_woken_by_a_change_and_by_a_touch(machines):
    for change in (
        lambda: machines.change(MAC, lambda m: replace(m, step="x")),
        lambda: asyncio.to_thread(lambda: None),
    ):
        waiting = asyncio.create_task(machines.changed(MAC, machines.get(MAC), 10))
        await asyncio.sleep(0)
        await change()
        machines.touch(MAC, 5.0, "unpack")
        assert (await waiting) is not None


async def test_a_wait_for_nothing_ends_with_what_is_known(machines):
    known = machines.get(MAC)
    assert await machines.changed(MAC, known, 0.01) is known


async def test_forgetting_removes_all_that_was_kept(machines):
    await machines.save(NEW, {document_name(MAC, "lshw"): {}}, {document_name(MAC, "lshw"): "d"})
    await machines.put_plan(MAC, "network", {"a": 1})
    await machines.put_plan(MAC, "storage", {"b": 1})
    assert machines.plans(MAC) == {"network": {"a": 1}, "storage": {"b": 1}}
    await machines.forget(MAC)
    assert machines._shelf.records() == {}
    assert machines.get(MAC) is None


def test_a_record_of_a_newer_version_is_refused_by_name():
    shelf = MemoryShelf()
    shelf.kept["machines/x"] = {"mac": MAC, "state": "melted"}
    with pytest.raises(InvalidConfig, match=r"machines/x cannot be read: state"):
        Machines(shelf)


async def test_a_machine_is_found_by_its_newest_name_and_by_none_once_forgotten(machines):
    assert machines.named("n1") is machines.get(MAC)
    await machines.change(MAC, lambda m: replace(m, name="n2"))
    assert machines.named("n1") is None
    assert machines.named("n2") is machines.get(MAC)
    assert Machines(machines._shelf).named("n2").mac == MAC
    await machines.forget(MAC)
    assert machines.named("n2") is None

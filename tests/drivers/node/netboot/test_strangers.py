"""Machines that nobody knows: awaited for a time, and bounded. Contract, netboot, section 10.8."""

import pytest

from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.strangers import (
    AWAITED_SECONDS,
    MOST_UNADOPTED,
    STRANGERS_A_MINUTE,
)
from drydockd.errors import Forbidden, TooMany
from tests.drivers.node.netboot.shelves import MAC, a_report
from tests.drivers.node.netboot.test_boots import Room

OTHER = "52:54:00:00:00:99"


@pytest.fixture
async def room():
    return await Room().filled()


async def test_a_machine_is_awaited_for_a_time_and_alone(room):
    strangers = room.boots.strangers
    with pytest.raises(Forbidden, match="no task waits"):
        strangers.check()
    strangers.await_mac(MAC)
    strangers.check()
    assert strangers.is_awaited(MAC, is_anyone_welcome=False)
    assert not strangers.is_awaited(OTHER, is_anyone_welcome=False)
    assert strangers.is_awaited(OTHER, is_anyone_welcome=True)
    room.now += AWAITED_SECONDS + 1
    assert not strangers.is_awaited(OTHER, is_anyone_welcome=True)
    with pytest.raises(Forbidden, match="no task waits"):
        strangers.check()


async def test_8_strangers_are_bounded_by_the_minute(room):
    for number in range(STRANGERS_A_MINUTE):
        room.boots.strangers.await_mac(f"52:54:00:00:01:{number:02x}")
        await room.boots.stranger(a_report(f"52:54:00:00:01:{number:02x}"))
    room.boots.strangers.await_mac("52:54:00:00:02:00")
    with pytest.raises(TooMany):
        await room.boots.stranger(a_report("52:54:00:00:02:00"))
    room.now += 61
    room.boots.strangers.await_mac("52:54:00:00:02:00")
    await room.boots.stranger(a_report("52:54:00:00:02:00"))


async def test_8_the_oldest_of_too_many_strangers_goes():
    machines = [
        Machine(f"52:54:00:01:{n // 256:02x}:{n % 256:02x}", seen=float(n + 1))
        for n in range(MOST_UNADOPTED)
    ]
    room = await Room(*machines).filled()
    room.boots.strangers.await_mac(MAC)
    await room.boots.stranger(a_report())
    assert len(room.machines) == MOST_UNADOPTED
    assert room.machines.get(machines[0].mac) is None

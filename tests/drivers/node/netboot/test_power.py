"""Power around an agent: each half once, whatever was interrupted."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.machine import Phase, Stage
from drydockd.drivers.node.netboot.power import Limits, Work
from drydockd.errors import Conflict, NodeUnknown
from drydockd.machines import BmcFacts, NodeState, PowerState
from tests.design.rules.helpers import a_node
from tests.drivers.node.netboot.shelves import MAC, a_hello
from tests.drivers.node.netboot.test_boots import READY, Room
from tests.room.helpers import Voice


class Switch:
    """A BMC that only counts; `then` is called when the power goes on."""

    def __init__(self, then=None):
        self.power, self.calls, self.then = PowerState.ON, [], then

    async def set_network_boot(self, node, voice):
        self.calls.append("network")

    async def set_disk_boot(self, node, voice):
        self.calls.append("disk")

    async def power_state(self, node):
        return self.power

    async def power_off(self, node, voice):
        self.calls.append("off")
        self.power = PowerState.OFF

    async def power_on(self, node, voice):
        self.calls.append("on")
        self.power = PowerState.ON
        if self.then is not None:
            await self.then()


@pytest.fixture
async def room():
    return await Room(ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p")).filled()


def work(room, switch, **limits):
    given = Limits(**({"hello": 60, "silent": 60, "first_boot": 60, "look": 0.01} | limits))
    return Work(
        room.machines, room.boots, given, a_node("n1"), switch, Voice(), clock=lambda: room.now
    )


async def test_a_start_is_network_off_on_and_stored_when_done(room):
    async def ends():
        await room.machines.change(MAC, lambda m: ways.ended(m, room.now))

    switch = Switch(ends)
    machine = await work(room, switch).agent(MAC)
    assert switch.calls == ["network", "off", "on"]
    assert machine.is_done


async def test_a_start_that_was_made_is_not_made_again(room):
    await room.machines.change(MAC, lambda m: ways.brought(m, Stage.NETBOOTED, room.now))
    await room.machines.change(MAC, lambda m: ways.ended(m, room.now))
    switch = Switch()
    await work(room, switch).agent(MAC)
    assert switch.calls == []


async def test_the_power_of_an_agent_that_was_heard_lately_is_not_cut(room):
    await room.session()

    async def ends(text, error=False):
        await room.machines.change(MAC, lambda m: ways.ended(m, room.now))

    doing = work(room, switch := Switch())
    doing.voice.say = ends
    room.machines.touch(MAC, room.now, "match")

    room.boots.note(MAC, "something to tell")
    await doing.agent(MAC)
    assert switch.calls == []


async def test_an_agent_that_never_comes_fails_with_what_to_look_at(room):
    doing = replace(work(room, Switch()), clock=iter(range(1000, 10_000, 25)).__next__)
    machine = await doing.agent(MAC)
    assert machine.state is NodeState.FAILED_DEPLOY
    assert "no agent said hello within 60 s" in machine.reason
    assert not machine.is_final


async def test_a_machine_that_does_not_go_off_by_itself_is_forced(room, monkeypatch):
    monkeypatch.setattr("drydockd.drivers.node.netboot.power.OFF_SECONDS", 0.03)
    await room.machines.change(
        MAC, lambda m: ways.brought(ways.ended(m, room.now), Stage.NETBOOTED, room.now)
    )
    doing = work(room, switch := Switch())
    await doing.off(MAC)
    assert switch.calls == ["off"]
    assert "forced off" in doing.voice.said[0][0]
    await doing.off(MAC)
    assert switch.calls == ["off"]


async def test_the_disk_is_started_once_and_its_report_awaited(room):
    await room.machines.change(
        MAC, lambda m: ways.brought(ways.ended(m, room.now), Stage.OFF, room.now)
    )

    async def reports():
        await room.boots.first_boot(room.boots.first_boot_secret(room.machine))

    switch = Switch(reports)
    machine = await work(room, switch).disk_boot(MAC)
    assert switch.calls == ["disk", "on"]
    assert machine.state is NodeState.DEPLOYED
    assert await work(room, switch).disk_boot(MAC) == machine
    assert switch.calls == ["disk", "on"]


async def test_who_does_not_report_from_disk_is_not_installed_again_by_itself(room):
    await room.machines.change(
        MAC, lambda m: ways.brought(ways.ended(m, room.now), Stage.OFF, room.now)
    )
    doing = replace(work(room, Switch()), clock=iter(range(1000, 100_000, 500)).__next__)
    machine = await doing.disk_boot(MAC)
    assert "did not report from disk" in machine.reason
    assert machine.is_final


async def test_a_forgotten_machine_ends_the_wait(room):
    async def forget():
        await room.machines.forget(MAC)

    with pytest.raises((NodeUnknown, KeyError)):
        await work(room, Switch(forget)).agent(MAC)


async def test_a_silent_agent_is_told_once(room):
    await room.session()
    await room.machines.change(
        MAC, lambda m: replace(ways.brought(m, Stage.NETBOOTED, room.now), seen=room.now - 100)
    )
    doing = work(room, Switch())
    told = []

    async def say(text, error=False):
        told.append(text)
        await room.machines.change(MAC, lambda m: ways.ended(m, room.now))

    doing.voice.say = say
    await doing.agent(MAC)
    assert "silent since 100 s" in told[0]


class RedfishSwitch(Switch):
    async def facts(self, node):
        self.calls.append("facts")
        return BmcFacts("redfish", self.power, uuid="u-9", serial="S-9")


@pytest.mark.parametrize(
    ("hello", "words"),
    [({"serial": "S-9"}, "UUID u-1, not u-9"), ({"uuid": "u-9"}, "S-1, not S-9")],
)
async def test_4_an_agent_on_another_machine_than_the_bmc_tells_of_is_refused(hello, words):
    machine = ways.begun(replace(READY, uuid=None, serial=None), Phase.INSPECT)
    room = await Room(machine).filled()
    refusals = []

    async def starts():
        with pytest.raises(Conflict) as refused:
            await room.boots.hello(await room.token(), a_hello(**hello))
        refusals.append(str(refused.value))

    switch = RedfishSwitch(starts)
    node = a_node("n1", oob_type="redfish")
    ended = await replace(work(room, switch), node=node).agent(MAC)
    assert words in refusals[0]
    assert ended.state is NodeState.FAILED_COMMISSION
    assert switch.calls[:2] == ["facts", "network"]


async def test_who_is_known_is_not_asked_for_again(room):
    async def ends():
        await room.machines.change(MAC, lambda m: ways.ended(m, room.now))

    switch = RedfishSwitch(ends)
    await replace(work(room, switch), node=a_node("n1", oob_type="redfish")).agent(MAC)
    assert "facts" not in switch.calls

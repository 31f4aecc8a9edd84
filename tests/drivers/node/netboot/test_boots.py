"""Who gets what on a boot network: the rows of contract, netboot, section 10, one by one."""

import asyncio
import logging
from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.boots import NOTES_A_MINUTE, Boots, Request, Terms
from drydockd.drivers.node.netboot.machine import MOST_INSTALLS, Machine, Phase, Stage
from drydockd.drivers.node.netboot.messages import End, Progress
from drydockd.drivers.node.netboot.records import Machines
from drydockd.drivers.node.netboot.script import LOCAL_BOOT, AgentFiles
from drydockd.drivers.node.netboot.tokens import BootTokens
from drydockd.errors import Conflict, Forbidden, StoreUnavailable, Unauthenticated
from drydockd.machines import NodeState
from tests.drivers.node.netboot.shelves import MAC, NONCE, MemoryShelf, a_hello, a_report

PLAN = {"image": {"sha256": "e" * 64}, "files": []}
READY = Machine(MAC, NodeState.READY, name="n1", uuid="u-1", serial="S-1", address="10.0.0.7")


class Room:
    """Boots over a shelf, with a clock that tests turn."""

    def __init__(self, *machines):
        self.now = 1000.0
        self.shelf = MemoryShelf()
        self.machines = Machines(self.shelf)
        self.plan = PLAN
        self.boots = Boots(
            self.machines,
            BootTokens(b"s" * 32),
            Terms("http://10.0.0.1:9100", lambda: AgentFiles("a" * 64, "b" * 64)),
            plan_of=lambda machine: self.plan,
            clock=lambda: self.now,
        )
        self.first = machines

    async def filled(self):
        for machine in self.first:
            await self.machines.save(machine)
            await self.switched_on(machine.mac)
        return self

    async def switched_on(self, mac=MAC):
        """What the power part does before it calls the BMC."""
        await self.machines.change(mac, lambda m: ways.brought(m, Stage.POWERING, self.now))

    async def script(self, mac=MAC, peer="10.0.0.7", interface=None):
        return await self.boots.script(Request(mac, peer, interface=interface))

    async def token(self):
        text = await self.script()
        return next(word[14:] for word in text.split() if word.startswith("drydock.token="))

    async def session(self, **hello):
        return (await self.boots.hello(await self.token(), a_hello(**hello)))["session"]

    @property
    def machine(self):
        return self.machines.get(MAC)


@pytest.fixture
async def room():
    return await Room(ways.begun(READY, Phase.INSTALL, deployment_id="d1", plan="p")).filled()


async def test_1_a_newer_start_makes_the_older_token_void(room):
    old = await room.token()
    await room.machines.change(
        MAC, lambda m: ways.begun(ways.failed(m, "x"), Phase.INSTALL, deployment_id="d2")
    )
    with pytest.raises(Unauthenticated, match="void: it is of another start"):
        await room.boots.hello(old, a_hello())


async def test_1_a_token_is_neither_stored_nor_logged(room, caplog):
    caplog.set_level(logging.DEBUG)
    token = await room.token()
    await room.boots.hello(token, a_hello())
    kept = f"{room.shelf.kept} {room.shelf.blobs}"
    assert token not in kept + caplog.text + repr(room.machine) + repr(room.boots)


async def test_1_a_token_ends_with_the_step_it_was_for(room):
    token = await room.token()
    await room.machines.change(MAC, lambda m: ways.failed(m, "no agent said hello in time"))
    with pytest.raises(Conflict, match="no agent is awaited"):
        await room.boots.hello(token, a_hello())


async def test_2_no_token_before_drydockd_itself_switched_the_machine_on(room):
    await room.machines.change(MAC, lambda m: ways.brought(m, Stage.BEGUN, room.now))
    assert await room.script() == LOCAL_BOOT
    await room.switched_on()
    assert "drydock.token=" in await room.script()


@pytest.mark.parametrize("mac", [MAC, "52:54:00:00:00:99"])
async def test_2_no_script_but_through_an_interface_of_the_machines_boot_network(room, mac):
    room.boots.strangers.await_mac("52:54:00:00:00:99")
    asked = []

    def allowed(address):
        asked.append(address)
        return frozenset({"boot1"})

    room.boots.interfaces_for = allowed
    assert await room.script(mac, interface="api0") == LOCAL_BOOT
    assert "kernel" in await room.script(mac, interface="boot1")
    # A kernel that does not tell contradicts nothing.
    assert "kernel" in await room.script(mac, interface=None)
    known = mac == MAC
    assert set(asked) == {"10.0.0.7" if known else None}
    notes = room.boots.take_notes(MAC)
    assert notes == (["a network boot through api0, not through boot1: refused"] if known else [])


async def test_2_a_token_is_only_for_whom_a_task_expects_and_from_its_own_address(room):
    assert await room.script(peer="10.0.0.66") == LOCAL_BOOT
    assert await room.script(mac="52:54:00:00:00:99") == LOCAL_BOOT
    assert "not from 10.0.0.7" in room.boots.take_notes(MAC)[0]
    assert "drydock.token=" in await room.script()


@pytest.mark.parametrize(
    "state", [NodeState.NEW, NodeState.READY, NodeState.DEPLOYED, NodeState.FAILED_DEPLOY]
)
async def test_2_no_token_in_a_state_that_expects_no_agent(state):
    room = await Room(replace(READY, state=state)).filled()
    assert await room.script() == LOCAL_BOOT


async def test_3_another_agent_with_the_same_token_ends_the_deployment(room):
    token = await room.token()
    await room.boots.hello(token, a_hello())
    with pytest.raises(Conflict, match="two machines claim to be n1"):
        await room.boots.hello(token, a_hello(nonce="b" * 32))
    assert (room.machine.state, room.machine.is_final) == (NodeState.FAILED_DEPLOY, True)


async def test_3_the_same_agent_gets_the_same_answer_again(room):
    token = await room.token()
    first = await room.boots.hello(token, a_hello())
    assert await room.boots.hello(token, a_hello()) == first


@pytest.mark.parametrize(
    ("hello", "words"),
    [({"uuid": "u-2"}, "UUID u-2, not u-1"), ({"serial": "S-9"}, "serial number S-9, not S-1")],
)
async def test_4_another_machine_than_the_known_one_is_a_conflict(room, hello, words):
    with pytest.raises(Conflict, match=words):
        await room.boots.hello(await room.token(), a_hello(**hello))
    assert (room.machine.state, room.machine.is_final) == (NodeState.FAILED_DEPLOY, True)


async def test_4_what_is_not_told_contradicts_nothing(room):
    assert await room.session(uuid=None, serial=None)


async def test_5_a_session_opens_its_own_image_and_no_other(room):
    session = await room.session()
    room.boots.image_of(session, "e" * 64)
    with pytest.raises(Forbidden, match="not in the plan"):
        room.boots.image_of(session, "f" * 64)
    with pytest.raises(Unauthenticated):
        room.boots.image_of("525400000099." + "0" * 64, "e" * 64)


async def test_5_a_session_of_one_machine_is_none_of_another():
    other = "52:54:00:00:00:02"
    machines = [
        ways.begun(
            replace(READY, mac=mac, name=mac, address=None), Phase.INSTALL, deployment_id="d"
        )
        for mac in (MAC, other)
    ]
    room = await Room(*machines).filled()
    mine = await room.session()
    forged = f"{other.replace(':', '')}.{mine.partition('.')[2]}"
    command = (await room.boots.command(mine, 0))["id"]
    for ask in (
        room.boots.command(forged, 0),
        room.boots.end(forged, End(id=command, ok=True)),
        room.boots.progress(forged, Progress(id=command, step="x")),
        room.boots.inventory(forged, a_report()),
    ):
        with pytest.raises(Unauthenticated):
            await ask
    await room.boots.end(mine, End(id=command, ok=True))
    assert room.machine.is_done
    assert not room.machines.get(other).is_done


async def test_5_an_image_is_closed_when_the_installation_ended(room):
    session = await room.session()
    await room.boots.end(session, End(id=(await room.boots.command(session, 0))["id"], ok=True))
    with pytest.raises(Forbidden):
        room.boots.image_of(session, "e" * 64)


async def test_5_a_session_of_an_older_start_is_superseded(room):
    session = await room.session()
    room.now += 100
    await room.token()
    with pytest.raises(Unauthenticated):
        await room.boots.command(session, 0)
    again = await room.session(nonce="c" * 32)
    with pytest.raises(Conflict, match="superseded"):
        await room.boots.command(session, 0)
    assert (await room.boots.command(again, 0))["do"] == "install"


async def test_8_a_stranger_is_heard_only_while_a_task_waits_for_one(room):
    with pytest.raises(Forbidden, match="no task waits"):
        await room.boots.stranger(a_report("52:54:00:00:00:99"))
    room.boots.strangers.await_mac("52:54:00:00:00:99")
    assert "drydock.token" not in await room.script(mac="52:54:00:00:00:99")
    await room.boots.stranger(a_report("52:54:00:00:00:99"))
    assert room.machines.get("52:54:00:00:00:99").state is NodeState.NEW
    room.now += 1000
    assert await room.script(mac="52:54:00:00:00:98") == LOCAL_BOOT


async def test_8_any_machine_is_discovered_where_the_operator_wants_that(room):
    room.boots.strangers.await_mac(None)
    assert await room.script(mac="52:54:00:00:00:99") == LOCAL_BOOT
    room.boots.terms.discovers_unknown = True
    assert "kernel" in await room.script(mac="52:54:00:00:00:99")


async def test_8_who_is_known_is_no_stranger(room):
    room.boots.strangers.await_mac(MAC)
    with pytest.raises(Forbidden, match="is known"):
        await room.boots.stranger(a_report())


async def test_an_agents_reboot_begins_the_same_work_again_a_bounded_number_of_times(room):
    for number in range(MOST_INSTALLS):
        session = await room.session(nonce=f"{number}" * 32)
        assert (await room.boots.command(session, 0))["do"] == "install"
        room.now += 60
    assert await room.script() == LOCAL_BOOT
    assert room.machine.state is NodeState.FAILED_DEPLOY
    assert "started 3 times" in room.machine.reason
    assert room.machine.is_final


async def test_a_twin_that_starts_while_the_agent_works_gets_its_own_disk(room):
    await room.session()
    room.now += 2
    assert await room.script() == LOCAL_BOOT
    assert "second network boot" in room.boots.take_notes(MAC)[-1]


async def test_the_same_command_is_given_until_its_end_is_reported(room):
    session = await room.session()
    first = await room.boots.command(session, 0)
    assert await room.boots.command(session, 0) == first
    await room.boots.end(session, End(id=first["id"], ok=True, log="done"))
    assert (await room.boots.command(session, 0))["do"] == "poweroff"
    await room.boots.end(session, End(id=first["id"], ok=True, log="done"))
    assert room.machine.state is NodeState.DEPLOYING
    assert room.machine.is_done


async def test_an_end_of_another_command_changes_nothing(room):
    session = await room.session()
    with pytest.raises(Conflict, match="is not the command that is due"):
        await room.boots.end(session, End(id="wipe-1", ok=True))
    assert not room.machine.is_done


async def test_an_agent_without_its_plan_waits_until_it_comes(room):
    room.plan = None
    session = await room.session()
    asked = asyncio.create_task(room.boots.command(session, 5))
    await asyncio.sleep(0)
    room.plan = PLAN
    room.machines.touch(MAC, room.now)
    assert (await asked)["do"] == "install"


async def test_a_failure_is_kept_with_its_reason_and_log(room):
    session = await room.session()
    command = await room.boots.command(session, 0)
    await room.boots.progress(session, Progress(id=command["id"], step="unpack", percent=40))
    assert room.machine.step == "unpack 40 %"
    await room.boots.end(
        session, End(id=command["id"], ok=False, error="mkfs: no space", log="$ mkfs\n")
    )
    assert room.machine.state is NodeState.FAILED_DEPLOY
    assert (room.machine.reason, room.machine.is_final) == ("mkfs: no space", False)
    assert await room.machines.blob(room.machine.documents["log-install"]) == b"$ mkfs\n"


async def test_an_inventory_outside_of_its_phase_is_refused(room):
    with pytest.raises(Forbidden, match="no inventory is awaited"):
        await room.boots.inventory(await room.session(), a_report())


async def test_the_first_boot_is_believed_once_the_agent_ended_and_only_with_its_secret(room):
    session = await room.session()
    secret = room.boots.first_boot_secret(room.machine)
    with pytest.raises(Conflict, match="no first boot is awaited"):
        await room.boots.first_boot(secret)
    await room.boots.end(session, End(id=(await room.boots.command(session, 0))["id"], ok=True))
    with pytest.raises(Unauthenticated):
        await room.boots.first_boot(secret[:-1] + ("0" if secret[-1] != "0" else "1"))
    await room.boots.first_boot(secret)
    assert room.machine.state is NodeState.DEPLOYED
    await room.boots.first_boot(secret)


async def test_nothing_is_permitted_that_could_not_be_written(room):
    token = await room.token()
    room.shelf.fails = StoreUnavailable("the disk is full")
    with pytest.raises(StoreUnavailable):
        await room.boots.hello(token, a_hello())
    assert room.machine.nonce is None
    room.shelf.fails = None
    await room.boots.hello(token, a_hello())
    assert room.machine.nonce == NONCE


async def test_notes_about_a_machine_are_bounded_by_the_minute(room):
    for number in range(50):
        await room.script(peer=f"10.0.0.{number + 100}")
    assert len(room.boots.take_notes(MAC)) == NOTES_A_MINUTE
    room.now += 61
    await room.script(peer="10.0.0.66")
    assert len(room.boots.take_notes(MAC)) == 1

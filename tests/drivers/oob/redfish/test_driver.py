"""The driver against the scripted BMC: what every call does, and its one deadline."""

import asyncio

import pytest

from drydockd.drivers.oob.redfish.driver import RedfishOob
from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.redfish.conftest import a_driver, a_node, quicker, until
from tests.peers.bmc import Machine
from tests.room.helpers import Voice


async def test_a_machine_goes_off_boots_from_the_network_and_comes_on(lab):
    a = await lab(Machine(power="On"))
    await a.off()
    assert (a.machine.power, a.machine.resets) == ("Off", ["ForceOff"])
    await a.netboot()
    assert a.machine.boot["BootSourceOverrideTarget"] == "Pxe"
    assert a.machine.boot["BootSourceOverrideEnabled"] == "Once"
    await a.on()
    assert (a.machine.power, a.machine.resets) == ("On", ["ForceOff", "On"])
    assert await a.state() is PowerState.ON
    assert a.said == [
        "n1: power is off",
        "n1: the next start is a network boot",
        "n1: power is on",
    ]


async def test_what_is_so_already_is_not_sent_again(lab):
    a = await lab(Machine(power="On"))
    await a.on()
    await a.netboot()
    await a.netboot()
    assert a.machine.resets == []
    assert a.bmc.count("PATCH") == 1
    assert a.said[0] == "n1: power is already on"
    assert a.said[-1] == "n1: the next start is already a network boot"


async def test_the_session_is_noted_before_the_first_change_and_only_then(lab):
    a = await lab(Machine(power="On"))
    await a.state()
    await a.facts()
    assert a.voice.sessions == []

    noted = []

    async def fence(session):
        noted.append((session, a.bmc.count("POST", ".*Reset")))

    a.voice.fence = fence
    await a.off()
    assert noted == [("/redfish/v1/SessionService/Sessions/3", 0)]


async def test_two_calls_to_one_bmc_never_have_two_sessions(lab):
    a = await lab(Machine(power="On"))
    states = await asyncio.gather(*(a.state() for _ in range(8)))
    assert set(states) == {PowerState.ON}
    assert a.bmc.most_sessions == 1
    assert a.bmc.logins == 8


async def test_a_bmc_that_hangs_fails_at_the_deadline_with_what_was_seen(lab):
    a = await lab(options={"max_retries": 1000})
    a.bmc.rule("GET", ".*/Systems", drop="before")
    text = await a.in_vain(a.state)
    assert text.startswith(
        f"n1: BMC 127.0.0.1:{a.bmc.port}: not done within 325 s; last seen: GET /redfish/v1/Systems"
        " to find the node's system: the connection broke"
    )


async def test_the_power_has_time_to_change_beside_that_for_asking(lab):
    a = await lab(Machine(power="On"), options={"power_state_change_max_retries": 1800})
    await a.state()
    assert a.driver.seconds == 325
    await a.off()
    assert a.driver.seconds == 325 + 1.8


async def test_who_waits_too_long_for_a_bmc_hears_that_another_holds_it(lab):
    a = await lab()
    async with a.driver._locks.hold(f"http://127.0.0.1:{a.bmc.port}"):
        running = asyncio.create_task(a.state())
        await until(lambda: hasattr(a.driver, "deadline"))
        await asyncio.sleep(0)
        a.driver.expire()
        with pytest.raises(DriverTransient, match="another call held it for 325 s"):
            await running
    assert a.bmc.asked == []


async def test_a_node_without_a_good_bmc_address_fails_before_anything_is_asked(lab):
    a = await lab(port="99999")
    with pytest.raises(DriverPersistent, match=r"n1: oob\.port reads '99999'"):
        await a.state()
    assert a.bmc.asked == []


CALLS = ("off", "on", "netboot", "diskboot", "state", "facts")


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
async def test_no_session_is_left_wherever_a_call_is_cancelled(lab, call):
    """Cancelled while the BMC has each of its requests, before and after it did what it says."""
    a = await lab(Machine(power="Off" if call == "on" else "On"))
    await getattr(a, call)()
    requests = list(a.bmc.asked)
    for number, request in enumerate(requests):
        for drop in ("", "after"):
            if request == ("POST", "/redfish/v1/SessionService/Sessions") and drop:
                continue  # An answer that never came named a session that nobody can know.
            await cut_at(a, call, number, drop)
            assert not a.bmc.sessions, (request, drop)


async def cut_at(a, call, number, drop):
    """Cancel a call while the BMC has its request of that number."""
    refresh(a, call)
    hold = asyncio.Event()
    rule = a.bmc.rule(hold=hold, drop=drop, skip=number, times=1)
    running = asyncio.create_task(getattr(a, call)())
    await until(lambda: a.bmc.open_requests == 1)
    running.cancel()
    await asyncio.sleep(0)
    hold.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    a.bmc.rules.remove(rule)


def refresh(a, call):
    a.machine.power, a.machine.coming = ("Off" if call == "on" else "On"), []
    a.machine.boot.update(BootSourceOverrideEnabled="Disabled", BootSourceOverrideTarget="None")


@pytest.mark.slow
@pytest.mark.parametrize("call", CALLS)
async def test_no_session_is_left_wherever_a_call_is_cancelled_between_requests(lab, call):
    """One cancel for each turn of the loop that the call takes."""
    a = await lab(Machine(power="Off" if call == "on" else "On"))
    turns = 0
    while True:
        refresh(a, call)
        running = asyncio.create_task(getattr(a, call)())
        for _ in range(turns):
            await asyncio.sleep(0)
        if running.done():
            await running
            break
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not a.bmc.sessions, turns
        turns += 7
    assert turns > 10


async def test_a_second_cancel_does_not_cut_the_log_out_short(lab):
    a = await lab()
    hold = asyncio.Event()
    a.bmc.rule("GET", ".*/Systems", hold=asyncio.Event(), times=1)
    a.bmc.rule("DELETE", hold=hold)
    running = asyncio.create_task(a.state())
    await until(lambda: a.bmc.count("GET", ".*/Systems"))
    running.cancel()
    await until(lambda: a.bmc.count("DELETE"))
    running.cancel()
    running.cancel()
    await asyncio.sleep(0)
    hold.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not a.bmc.sessions


async def test_a_bmc_that_does_not_log_out_holds_up_a_cancelled_call_no_longer_than_the_grace(lab):
    a = await lab(pace=quicker(closing=0.02), leaves_sessions=True)
    a.bmc.rule("GET", ".*/Systems", hold=asyncio.Event())
    a.bmc.rule("DELETE", hold=asyncio.Event())
    running = asyncio.create_task(a.state())
    await until(lambda: a.bmc.count("GET", ".*/Systems"))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert len(a.driver._locks) == 0


async def test_a_call_that_is_cancelled_says_what_it_saw_last(lab):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", status=503, times=1)
    a.bmc.rule("GET", ".*/Systems", hold=asyncio.Event())
    running = asyncio.create_task(a.state())
    await until(lambda: a.bmc.count("GET", ".*/Systems") == 2)
    waiting = asyncio.create_task(a.state())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError) as cut:
        await waiting
    assert "another call holds it" in cut.value.__notes__[0]
    running.cancel()
    with pytest.raises(asyncio.CancelledError) as cut:
        await running
    assert f"n1: BMC 127.0.0.1:{a.bmc.port}: " in cut.value.__notes__[0]
    assert "503" in cut.value.__notes__[0]


async def test_a_fence_that_cannot_be_noted_keeps_the_change_from_being_sent(lab):
    a = await lab(Machine(power="On"))

    async def fence(session):
        raise OSError("the disk is full")

    a.voice.fence = fence
    with pytest.raises(OSError, match="the disk is full"):
        await a.off()
    assert a.machine.resets == []


def test_the_worst_case_is_that_of_off_boot_device_and_on():
    driver = RedfishOob(RedfishOptions())
    # 3 x (5 x (5 + 60) + 2) + 2 x 18 x 10
    assert driver.worst_case_seconds == 1341.0


async def test_it_answers_for_redfish_and_needs_nothing():
    driver = a_driver()
    assert driver.oob_types == ("redfish",)
    await driver.check()
    await driver.close()


async def test_no_message_holds_a_credential(lab):
    """Whatever the BMC repeats of it."""
    a = await lab(Machine(power="On"))
    account, password = (a.node.oob_parameters[key] for key in ("account", "credential"))
    for status in (400, 401, 403, 404, 409, 500):
        a.bmc.rules.clear()
        text = f"user {account} with {password} may not, token-1-of-the-bmc"
        a.bmc.rule("POST", ".*", status=status, id=f"X.1.{password}", text=text)
        with pytest.raises((DriverTransient, DriverPersistent, Exception)) as caught:
            await a.off()
        error = caught.value
        while error is not None:
            assert account not in str(error)
            assert password not in str(error)
            error = error.__cause__


async def test_a_dead_address_is_told_with_what_the_system_says(lab):
    a = await lab()
    await a.bmc.stop()
    with pytest.raises(DriverTransient) as caught:
        await a.state()
    assert str(caught.value) == (
        f"n1: BMC 127.0.0.1:{a.bmc.port}: GET /redfish/v1/ to find the service: no connection "
        "(Connection refused), 4 times; check the BMC and the network to it"
    )


async def test_two_nodes_have_two_bmcs(lab):
    a, b = await lab(Machine(power="On")), await lab(Machine(power="Off"))
    states = await asyncio.gather(a.driver.power_state(a.node), a.driver.power_state(a_node(b.bmc)))
    assert states == [PowerState.ON, PowerState.OFF]
    await a.driver.power_off(a_node(b.bmc), Voice())
    assert a.machine.power == "On"

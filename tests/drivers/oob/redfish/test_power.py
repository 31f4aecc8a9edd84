"""Power off and on. Contract, oob-faults, C.9 and C.14 to C.19."""

import asyncio

import pytest

from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.redfish.conftest import quicker
from tests.peers.bmc import Machine

RESET = ".*/Actions/ComputerSystem.Reset"


async def test_c9_a_reset_that_wants_an_etag_gets_it(lab):
    a = await lab(Machine(power="On"), need_etag_for_reset=True)
    await a.off()
    assert a.machine.resets == ["ForceOff"]


async def test_c10_a_reset_that_is_refused_during_post_is_repeated(lab):
    a = await lab(Machine(power="On"))
    rule = {"status": 400, "id": "Base.1.13.InvalidOperationForSystemState", "times": 5}
    a.bmc.rule("POST", RESET, **rule)
    await a.off()
    assert (a.machine.power, a.machine.resets) == ("Off", ["ForceOff"])


async def test_c14_a_conflict_about_what_is_so_already_is_success(lab):
    """Somebody else switched it off between our look and our reset."""
    a = await lab(Machine(power="On"), conflict_on_same=True)
    rule = a.bmc.rule("POST", RESET, hold=asyncio.Event(), times=1)
    running = asyncio.create_task(a.off())
    while not a.bmc.open_requests:
        await asyncio.sleep(0)
    a.machine.power = "Off"
    rule.hold.set()
    await running
    assert a.machine.resets == []


async def test_c14_a_400_about_what_is_so_already_is_success(lab):
    a = await lab(Machine(power="Off", coming=["Off", "On"]))
    a.bmc.rule("POST", RESET, status=400, id="X.1.AlreadyPoweredOn", text="already powered on")
    await a.on()
    assert a.machine.resets == []


async def test_c15_on_right_after_off_is_repeated_until_it_is_taken(lab):
    a = await lab(Machine(power="Off"), on_conflicts=2)
    await a.on()
    assert (a.bmc.count("POST", RESET), a.machine.resets) == (3, ["On"])


@pytest.mark.parametrize("lag", [1, 5, 20])
async def test_c16_a_state_that_lags_is_polled(lab, lag):
    a = await lab(Machine(power="On", lag=lag), pace=quicker(unchanged=60))
    await a.off()
    await a.on()
    assert a.machine.resets == ["ForceOff", "On"]


async def test_c16_a_reset_without_any_effect_is_sent_once_more(lab):
    a = await lab(Machine(power="On"), forgets_resets=1)
    await a.off()
    assert (a.machine.resets, a.machine.cuts) == (["ForceOff", "ForceOff"], 1)


async def test_c16_a_machine_that_falls_back_is_told_once_more(lab):
    a = await lab(Machine(power="Off"), falls_back=1)
    await a.on()
    assert (a.machine.power, a.machine.resets) == ("On", ["On", "On"])


async def test_c16_and_then_it_is_given_up(lab):
    options = {"power_state_change_max_retries": 100}
    a = await lab(Machine(power="On"), forgets_resets=99, options=options)
    with pytest.raises(DriverTransient) as caught:
        await a.off()
    assert a.machine.resets == ["ForceOff", "ForceOff"]
    assert "to switch the power off: the power still reads On 0.1 s after it was told" in str(
        caught.value
    )


async def test_c17_a_task_is_not_waited_for(lab):
    a = await lab(Machine(power="On"), answers_with_task=True, task_is_gone=True)
    await a.off()
    assert a.machine.power == "Off"
    assert a.bmc.count("GET", ".*/Tasks.*") == 0


async def test_c17_a_task_that_failed_says_why_the_power_stays(lab):
    options = {"power_state_change_max_retries": 60}
    a = await lab(Machine(power="On"), answers_with_task=True, forgets_resets=9, options=options)
    note = {"MessageId": "IDRAC.2.8.JOB9", "Message": "The fan is missing."}
    a.bmc.task_body = {"TaskState": "Exception", "Messages": [note]}
    with pytest.raises(DriverTransient, match=r"the BMC's task says JOB9 \(The fan is missing\)"):
        await a.off()


async def test_c17_a_task_that_is_gone_is_no_trouble(lab):
    options = {"power_state_change_max_retries": 60}
    a = await lab(Machine(power="On"), answers_with_task=True, forgets_resets=9, options=options)
    with pytest.raises(DriverTransient, match="still reads On"):
        await a.off()


async def test_c18_the_resets_are_asked_for_where_the_system_only_links_them(lab):
    a = await lab(Machine(power="On"), action_info=True, reset_types=["ForceOn", "ForceOff"])
    await a.off()
    await a.on()
    assert a.machine.resets == ["ForceOff", "ForceOn"]


async def test_c18_a_bmc_that_does_not_say_gets_the_usual_ones(lab):
    a = await lab(Machine(power="On"), reset_types=None)
    await a.off()
    await a.on()
    assert a.machine.resets == ["ForceOff", "On"]


async def test_c18_and_the_next_best_if_it_refuses_them(lab):
    a = await lab(Machine(power="Off"), reset_types=None)
    a.bmc.rule("POST", RESET, status=400, id="Base.1.8.ActionParameterNotSupported", times=1)
    await a.on()
    assert a.machine.resets == ["ForceOn"]


async def test_c18_a_bmc_that_knows_none_is_told(lab):
    a = await lab(Machine(power="Off"), reset_types=None)
    a.bmc.rule("POST", RESET, status=400, id="Base.1.8.ActionParameterNotSupported")
    with pytest.raises(DriverConflict, match="HTTP 400 ActionParameterNotSupported"):
        await a.on()


async def test_c19_without_a_hard_off_the_system_is_asked_to_shut_down(lab):
    a = await lab(Machine(power="On"), reset_types=["On", "GracefulShutdown", "PushPowerButton"])
    await a.off()
    assert a.machine.resets == ["GracefulShutdown"]
    assert a.said[0] == "n1: the BMC offers no ForceOff, so GracefulShutdown is sent"


async def test_c19_one_that_does_not_listen_gets_its_button_pressed(lab):
    options = {"power_state_change_max_retries": 200}
    a = await lab(
        Machine(power="On"),
        reset_types=["On", "GracefulShutdown", "PushPowerButton"],
        deaf_to={"GracefulShutdown"},
        options=options,
    )
    await a.off()
    assert (a.machine.power, a.machine.resets) == ("Off", ["GracefulShutdown", "PushPowerButton"])


async def test_c19_the_button_is_not_pressed_while_nobody_knows_the_state(lab):
    a = await lab(
        Machine(power="Paused", coming=["Paused"] * 9 + ["On"]), reset_types=["PushPowerButton"]
    )
    await a.off()
    assert (a.machine.power, a.machine.resets) == ("Off", ["PushPowerButton"])


@pytest.mark.parametrize(
    ("offered", "way"),
    [(["ForceOn", "ForceOff"], "ForceOn"), (["PushPowerButton"], "PushPowerButton")],
)
async def test_c19_on_has_its_own_next_best(lab, offered, way):
    a = await lab(Machine(power="Off"), reset_types=offered)
    await a.on()
    assert a.machine.resets == [way]


async def test_c19_never_a_restart_for_off(lab):
    a = await lab(Machine(power="On"), reset_types=["On", "GracefulRestart", "ForceRestart"])
    with pytest.raises(DriverPersistent, match="it offers none, but On, GracefulRestart, Force"):
        await a.off()
    assert a.machine.resets == []


async def test_a_reset_whose_answer_was_lost_is_not_sent_again(lab):
    a = await lab(Machine(power="On"), pace=quicker(unchanged=60))
    a.bmc.rule("POST", RESET, drop="after", times=1)
    await a.off()
    assert (a.machine.resets, a.machine.cuts) == (["ForceOff"], 1)


async def test_a_reset_that_never_arrived_is_sent_again_after_a_look(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", RESET, drop="before", times=1)
    await a.off()
    assert (a.machine.resets, a.machine.cuts) == (["ForceOff"], 1)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_reset_that_fails_is_sent_again_after_a_look(lab, status):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", RESET, status=status, times=1)
    await a.off()
    asked = [method for method, path in a.bmc.asked if "/Systems/1" in path]
    first = asked.index("POST")
    assert asked[first + 1] == "GET"
    assert a.machine.resets == ["ForceOff"]


async def test_a_refused_reset_is_told_with_message_and_id(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", RESET, status=400, id="X.1.Locked", text="The chassis is open.")
    with pytest.raises(DriverConflict) as caught:
        await a.off()
    assert str(caught.value) == (
        f"n1: BMC 127.0.0.1:{a.bmc.port}: POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset "
        "to switch the power off: HTTP 400 Locked (The chassis is open); see what the BMC's own "
        "log says of it"
    )


async def test_a_machine_on_its_way_is_let_go_there(lab):
    a = await lab(Machine(power="PoweringOff", coming=["PoweringOff", "Off"]))
    await a.off()
    assert a.machine.resets == []


async def test_who_only_asks_waits_for_a_machine_on_its_way_but_not_for_ever(lab):
    a = await lab(Machine(power="PoweringOn", coming=["PoweringOn", "On"]))
    assert await a.state() is PowerState.ON

    b = await lab(Machine(power="PoweringOff"), pace=quicker(settle=0.01))
    assert await b.state() is PowerState.UNKNOWN

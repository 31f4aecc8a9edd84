"""One question to one BMC: which cipher suite, what a failure means, what loss costs."""

import asyncio

import pytest

from drydockd.drivers.oob import ipmitool
from drydockd.drivers.oob.command import Ended
from drydockd.drivers.oob.ipmitool import Ipmitool, NoAnswer, Refused
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.tasks.steps.patience import patiently
from tests.drivers.oob.ipmi_nodes import a_driver, bmc_at, node_at
from tests.peers.lossy import lossy
from tests.room.helpers import Voice

STATUS = ("raw", "0x00", "0x01")
NO_SESSION = "Error: Unable to establish IPMI v2 / RMCP+ session\n"


def later():
    return asyncio.get_running_loop().time() + 3600


class Recorded(Ipmitool):
    """Answers from what ipmitool was seen to say, and notes the suites that were tried."""

    def __init__(self, *ends):
        super().__init__(command_seconds=20)
        self.ends = list(ends)
        self.suites = []

    async def _run(self, bmc, what, suite, words, until):
        self.suites.append(suite)
        return self.ends.pop(0)

    async def status(self, **bmc):
        return await self.ask(bmc_at(623, **bmc), "read the power state", *STATUS, until=later())


def failed(text, out=""):
    return Ended(1, out, text)


ON = Ended(0, " 01 00 00\n", "Loading IANA PEN Registry...\n")
OTHER = failed(
    f"Error in open session response message : invalid authentication algorithm\n{NO_SESSION}"
)
HMAC = failed(f"> RAKP 2 HMAC is invalid\n{NO_SESSION}")


async def test_a_bmc_that_does_not_take_the_first_suite_is_asked_with_the_next_at_once(ipmi_sim):
    sim, tool = ipmi_sim("n1"), Ipmitool(command_seconds=20)
    bmc = bmc_at(sim.port, suites=(17, 3))
    answer = await tool.ask(bmc, "read the power state", *STATUS, until=later())
    assert answer.split() == ["00", "00", "00"]


async def test_the_suite_that_a_bmc_takes_is_remembered():
    tool = Recorded(OTHER, ON, ON)
    await tool.status(suites=(17, 3))
    await tool.status(suites=(17, 3))
    assert tool.suites == [17, 3, 3]


async def test_a_bmc_that_takes_another_suite_one_day_is_learnt_anew():
    tool = Recorded(OTHER, ON, OTHER, ON, ON)
    for _ in range(3):
        await tool.status(suites=(17, 3))
    assert tool.suites == [17, 3, 3, 17, 17]


async def test_a_bmc_that_is_silent_to_one_suite_is_asked_with_the_next_one_next_time():
    tool = Recorded(failed(NO_SESSION), ON, ON)
    with pytest.raises(DriverTransient):
        await tool.status(suites=(17, 3))
    await tool.status(suites=(17, 3))
    await tool.status(suites=(17, 3))
    assert tool.suites == [17, 3, 3]


async def test_a_bmc_that_takes_no_suite_is_persistent_and_says_which_were_tried():
    tool = Recorded(OTHER, OTHER)
    with pytest.raises(DriverPersistent, match=r"none of the cipher suites 17, 3 .*algorithm"):
        await tool.status(suites=(17, 3))


async def test_a_wrong_password_is_tried_once_with_each_suite_and_once_where_it_is_known():
    tool = Recorded(HMAC, HMAC, ON, HMAC)
    with pytest.raises(DriverPersistent, match="refuses the login"):
        await tool.status(suites=(17, 3))
    await tool.status(suites=(17, 3))
    with pytest.raises(DriverPersistent, match="refuses the login"):
        await tool.status(suites=(17, 3))
    assert tool.suites == [17, 3, 17, 17]


async def test_only_so_many_suites_are_remembered(monkeypatch):
    monkeypatch.setattr(ipmitool, "MOST_REMEMBERED", 2)
    tool = Recorded(ON, ON, ON)
    for number in range(1, 4):
        await tool.status(address=f"10.0.0.{number}")
    assert list(tool._suites) == ["10.0.0.2 port 623", "10.0.0.3 port 623"]


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (NO_SESSION, DriverTransient),
        ("", DriverTransient),
        ("Error: no response from RAKP 1 message\n" + NO_SESSION, DriverTransient),
        ("Error: no response from RAKP 3 message\n" + NO_SESSION, DriverTransient),
        (
            "Error in open session response message : insufficient resources for session\n",
            DriverTransient,
        ),
        (
            "RAKP 2 message indicates an error : insufficient resources for session\n",
            DriverTransient,
        ),
        ("This BMC does not support IPMI v2 / RMCP+\n" + NO_SESSION, DriverTransient),
        ("Set Session Privilege Level to ADMINISTRATOR failed\n", DriverTransient),
        (
            "Unable to send RAW command (channel=0x0 netfn=0x0 lun=0x0 cmd=0x1)\n",
            DriverTransient,
        ),
        ("Get Device ID command failed\n", DriverTransient),
        ("RAKP 2 message indicates an error : unauthorized name\n", DriverPersistent),
        ("RAKP 2 message indicates an error : unauthorized role requested\n", DriverPersistent),
        ("RAKP 2 message indicates an error : invalid role\n", DriverPersistent),
        ("RAKP 4 message has invalid integrity check value\n", DriverPersistent),
        ("Set Session Privilege Level to ADMINISTRATOR failed: Unknown (0x81)\n", DriverPersistent),
        ("Error in open session response message : no matching cipher suite\n", DriverPersistent),
        (
            "Unable to send RAW command (channel=0x0 netfn=0x0 lun=0x0 cmd=0x2 rsp=0xd5): "
            "Command not supported in present state\n",
            Refused,
        ),
        ("Get Device ID command failed: Invalid command\n", NoAnswer),
    ],
)
async def test_what_ipmitool_says_decides_whether_it_is_tried_again(said, meant):
    with pytest.raises(meant) as caught:
        await Recorded(failed(said)).status()
    assert said.strip().splitlines()[:1] == [] or (
        said.split("): ")[-1].strip().splitlines()[0] in str(caught.value)
    )


async def test_a_record_that_is_not_there_is_no_failure_of_the_bmc():
    with pytest.raises(NoAnswer):
        await Recorded(failed("", " Device not present (Invalid data field in request)\n")).status()
    with pytest.raises(DriverTransient):
        await Recorded(failed("", " Device not present (No Response)\n")).status()


async def test_a_session_that_does_not_close_after_a_good_answer_is_no_failure():
    text = "Loading IANA PEN Registry...\nClose Session command failed: Invalid session ID\n"
    assert await Recorded(failed(text, " 01 00 00\n")).status() == " 01 00 00\n"


async def test_the_password_is_struck_out_of_whatever_ipmitool_says():
    tool = Recorded(failed("cannot use hunter2-secret here\n"))
    with pytest.raises(DriverTransient) as caught:
        await tool.status(credential="hunter2-secret")
    assert "cannot use *** here" in str(caught.value)


async def test_chatter_is_not_what_it_says():
    noise = "Loading IANA PEN Registry...\nRAW REQ (channel=0x0)\nRAW REQUEST (3 bytes)\n 07 00\n"
    with pytest.raises(DriverTransient, match=r"does not answer \(cause\)"):
        await Recorded(failed(f"{noise}cause\n")).status()


async def test_a_bmc_is_asked_one_question_at_a_time(ipmi_sim, monkeypatch):
    sim, driver = ipmi_sim("n1"), a_driver()
    run, now, seen = ipmitool.command.run, 0, []

    async def counted(words, **more):
        nonlocal now
        now += 1
        seen.append(now)
        ended = await run(words, **more)
        now -= 1
        return ended

    monkeypatch.setattr(ipmitool.command, "run", counted)
    await asyncio.gather(*(driver.power_state(node_at(sim.port)) for _ in range(6)))
    assert seen == [1] * 6


async def _say_nothing(error):
    """What a step would tell its task."""


async def _at_once(made):
    """No pause between the step's attempts."""


async def asked_through(sim, name, *, loss, seed, calls):
    """Call one after the other through a line that loses, as a step would; return how it reads."""
    driver, voice = a_driver(), Voice()
    async with lossy(sim.port, loss=loss, seed=seed) as line:
        node = node_at(line.port, name)
        for call in calls:
            await patiently(
                lambda call=call: getattr(driver, call)(node, voice),
                tell=_say_nothing,
                pause=_at_once,
            )
        state = await patiently(lambda: driver.power_state(node), tell=_say_nothing, pause=_at_once)
    assert line.lost, "the line lost nothing: another seed"
    return state


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loss", "calls"), [(0.1, ("set_network_boot", "power_on")), (0.3, ())], ids=["10%", "30%"]
)
async def test_whatever_a_line_loses_a_call_is_right_or_worth_another(
    loss, calls, ipmi_sim, children
):
    """Each machine has a line of its own."""
    names = [f"n{number}" for number in range(4)]
    sims = ipmi_sim(*names)
    before = children()
    states = await asyncio.gather(
        *(
            asked_through(sim, name, loss=loss, seed=seed, calls=calls)
            for seed, (sim, name) in enumerate(zip(sims, names, strict=True))
        )
    )
    assert {str(state) for state in states} == {sim.power for sim in sims}
    assert {sim.power for sim in sims} == {"on" if calls else "off"}
    # Told once, or again with the same: never anything else.
    assert {word for sim in sims for word in sim.told} <= {"boot pxe", "power 1"}
    assert children() == before

"""The IPMI driver at real BMCs (ipmi_sim) with the real ipmitool."""

import asyncio

import pytest

from drydockd.drivers.oob import ipmi, ipmitool
from drydockd.drivers.oob.ipmi import IpmiOob, IpmiOptions, bmc_of
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent, DriverTransient, InvalidConfig
from drydockd.machines import PowerState
from drydockd.room.qemu.bmc import CHASSIS
from tests.drivers.oob.domains import BOOT_SECTOR, MAC
from tests.drivers.oob.guests import mac_of, machine
from tests.drivers.oob.ipmi_nodes import a_driver, node_at
from tests.peers.ipmi import CREDENTIAL, free_udp_port
from tests.room.helpers import Voice

real = pytest.mark.process


@real
async def test_power_goes_on_and_off_and_reads_back(ipmi_sim, children):
    sim, driver, voice = ipmi_sim("n1"), a_driver(), Voice()
    node = node_at(sim.port)
    before = children()
    assert await driver.power_state(node) is PowerState.OFF
    await driver.power_on(node, voice)
    assert (sim.power, await driver.power_state(node)) == ("on", PowerState.ON)
    await driver.power_off(node, voice)
    assert (sim.power, await driver.power_state(node)) == ("off", PowerState.OFF)
    assert [text for text, _ in voice.said] == ["n1: power is on", "n1: power is off"]
    assert children() == before


@real
async def test_what_is_off_or_on_already_is_told_nothing(ipmi_sim):
    sim, driver, voice = ipmi_sim("n1"), a_driver(), Voice()
    await driver.power_off(node_at(sim.port), voice)
    sim.power = "on"
    await driver.power_on(node_at(sim.port), voice)
    assert sim.told == []


@real
async def test_a_machine_that_takes_its_time_is_waited_for(ipmi_sim):
    sim, driver = ipmi_sim("n1"), a_driver()
    sim.write("lag", "3")
    await driver.power_on(node_at(sim.port), Voice())
    assert sim.told == ["power 1"]
    assert sim.read("lag") == "0"


@real
async def test_power_that_does_not_change_is_given_up_with_what_was_seen(ipmi_sim):
    # The look after the first would come too late.
    sim, driver = ipmi_sim("n1"), a_driver(power_seconds=20, poll_interval=20)
    driver._first_pause = 20
    sim.write("stuck", "")
    with pytest.raises(
        DriverTransient,
        match=r"n1: turn the power on: BMC 127\.0\.0\.1 port \d+ said yes, and still reads off "
        r"after 20 s",
    ):
        await driver.power_on(node_at(sim.port), Voice())


@real
async def test_the_next_start_is_a_network_boot_or_one_from_disk(ipmi_sim):
    sim, driver, voice = ipmi_sim("n1"), a_driver(), Voice()
    await driver.set_network_boot(node_at(sim.port), voice)
    assert sim.boot == "pxe"
    await driver.set_disk_boot(node_at(sim.port), voice)
    assert sim.boot == "default"  # ipmi_sim's word for the disk
    assert [text.partition(";")[0] for text, _ in voice.said] == [
        "n1: the next start is a network boot",
        "n1: the next start is a disk boot",
    ]


# ipmi_sim never sets that bit, as OpenBMC without parameter 3.
@real
async def test_a_boot_device_without_its_valid_bit_is_a_warning(ipmi_sim):
    sim, driver, voice = ipmi_sim("n1"), a_driver(), Voice()
    await driver.set_network_boot(node_at(sim.port), voice)
    [(text, error)] = voice.said
    assert "without its valid bit" in text
    assert not error


@real
async def test_a_boot_device_without_its_valid_bit_fails_where_that_is_asked_for(ipmi_sim):
    sim, driver = ipmi_sim("n1"), a_driver(require_valid=True)
    with pytest.raises(DriverTransient, match=r"pyghmi_driver\.require_valid asks for"):
        await driver.set_network_boot(node_at(sim.port), Voice())
    assert sim.told == ["boot pxe"] * 5


@real
async def test_facts_are_all_that_the_bmc_tells(ipmi_sim):
    sim, driver = ipmi_sim("n1", guid="0123456789abcdef", more=FRU), a_driver()
    sim.power = "on"
    facts = await driver.facts(node_at(sim.port))
    assert (facts.generator, facts.power, facts.firmware) == ("ipmi", PowerState.ON, "9.08")
    assert (facts.vendor, facts.model, facts.serial) == ("Acme", "Anvil 9", "SN-0042")
    assert facts.macs == ()
    assert facts.seconds > 0


# The FRU of a machine: product area with maker, name, part number, version, serial number.
def fru():
    def text(value):
        return bytes([0xC0 | len(value)]) + value.encode()

    area = bytes([1, 0, 25]) + text("Acme") + text("Anvil 9") + text("PN") + text("1")
    area += text("SN-0042") + text("") + text("") + b"\xc1"
    area += bytes(-(len(area) + 1) % 8)
    area = bytes([1, (len(area) + 1) // 8]) + area[2:]
    area += bytes([-sum(area) % 256])
    head = bytes([1, 0, 0, 0, 1, 0, 0])
    return head + bytes([-sum(head) % 256]) + area


FRU = "mc_add_fru_data 0x20 0 256 data " + " ".join(f"0x{byte:02x}" for byte in fru()) + "\n"


@real
async def test_facts_of_a_bmc_that_tells_little_have_gaps(ipmi_sim):
    facts = await a_driver().facts(node_at(ipmi_sim("n1").port))
    assert (facts.model, facts.serial, facts.uuid) == (None, None, None)
    assert facts.boot_device == "disk, once, not marked valid"
    assert facts.vendor == "MontaVista Software, Inc."


@real
async def test_a_wrong_password_is_persistent_and_never_shown(ipmi_sim):
    sim, driver = ipmi_sim("n1"), a_driver()
    with pytest.raises(DriverPersistent, match="refuses the login") as caught:
        await driver.power_state(node_at(sim.port, credential="not-the-password"))
    assert "check oob.account, oob.credential" in str(caught.value)
    assert "not-the-password" not in str(caught.value)


@real
async def test_an_unknown_account_is_persistent(ipmi_sim):
    sim, driver = ipmi_sim("n1"), a_driver()
    with pytest.raises(DriverPersistent, match="unauthorized name"):
        await driver.power_state(node_at(sim.port, account="nobody"))


@real
async def test_the_password_is_in_the_environment_and_nowhere_else(silent_bmc, children):
    call = asyncio.create_task(a_driver().power_state(node_at(silent_bmc.port)))
    await silent_bmc.asked.wait()
    [(number, words)] = children.new().items()
    assert "ipmitool" in words
    assert CREDENTIAL not in words
    assert children.environment_of(number) == {"LC_ALL": "C", "IPMI_PASSWORD": CREDENTIAL}
    call.cancel()
    await asyncio.wait([call])
    assert not children()


@real
@pytest.mark.peer("ipmi")
async def test_a_dead_port_is_transient_and_names_the_bmc(free_port, children):
    driver = a_driver(command_seconds=0.3, pauses=())
    with pytest.raises(DriverTransient, match=rf"n1: read the power state: no answer.*{free_port}"):
        await driver.power_state(node_at(free_port))
    assert not children()


@real
async def test_a_bmc_that_never_answers_costs_no_more_than_the_deadline(silent_bmc, children):
    driver = a_driver(give_up_seconds=0.5)
    with pytest.raises(DriverTransient, match="no answer from BMC"):
        await driver.power_state(node_at(silent_bmc.port))
    assert not children()


@real
@pytest.mark.parametrize(
    "call", ["power_state", "facts", "power_off", "power_on", "set_network_boot", "set_disk_boot"]
)
async def test_a_cancelled_call_leaves_no_process(call, silent_bmc, children):
    driver = a_driver()
    words = [node_at(silent_bmc.port)]
    words += [Voice()] if call not in ("power_state", "facts") else []
    running = asyncio.create_task(getattr(driver, call)(*words))
    await silent_bmc.asked.wait()
    assert children()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not children()


@real
async def test_a_call_cancelled_while_it_waits_for_its_turn_leaves_the_other_alone(silent_bmc):
    driver, node = a_driver(give_up_seconds=0.5), node_at(silent_bmc.port)
    first = asyncio.create_task(driver.power_state(node))
    await silent_bmc.asked.wait()
    second = asyncio.create_task(driver.power_state(node))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    with pytest.raises(DriverTransient):
        await first


@real
async def test_a_bmc_kept_busy_by_others_is_transient(silent_bmc):
    driver, node = a_driver(), node_at(silent_bmc.port)
    first = asyncio.create_task(driver.power_state(node))
    await silent_bmc.asked.wait()
    hurried = a_driver(give_up_seconds=0.05)
    hurried._tool = driver._tool
    with pytest.raises(DriverTransient, match="other calls kept BMC"):
        await hurried.power_state(node)
    first.cancel()
    await asyncio.wait([first])


@real
async def test_many_bmcs_are_asked_at_once(ipmi_sim):
    names = [f"n{number}" for number in range(1, 9)]
    sims, driver = ipmi_sim(*names), a_driver()
    for sim in sims[::2]:
        sim.power = "on"
    nodes = [node_at(sim.port, name) for sim, name in zip(sims, names, strict=True)]
    states = await asyncio.gather(*(driver.power_state(node) for node in nodes))
    assert states == [PowerState.ON, PowerState.OFF] * 4


@pytest.mark.parametrize(
    ("oob", "seen"),
    [
        ({"address": None}, "has no static address on its oob network oob"),
        ({"account": None}, "has no oob.account"),
        ({"credential": None}, "has no oob.credential"),
        ({"credential": "x" * 21}, "oob.credential of over 20 bytes"),
        ({"account": "ä" * 9}, "oob.account of over 16 bytes"),
        ({"credential": "a\nb"}, "characters that cannot be typed"),
        ({"port": "0"}, "oob.port '0'; say a port, 1 to 65535"),
        ({"port": "ipmi"}, "oob.port 'ipmi'"),
        ({"privilege": "root"}, "oob.privilege 'root'; say ADMINISTRATOR or OPERATOR"),
        ({"cipher_suite": "99"}, "oob.cipher_suite '99'; say numbers from 1 to 17"),
        ({"cipher_suite": "17,"}, "oob.cipher_suite '17,'"),
        ({"port": "9" * 5000}, "say a port, 1 to 65535"),
    ],
)
async def test_what_a_node_says_wrong_of_its_bmc_fails_at_once_and_names_it(oob, seen):
    with pytest.raises(DriverPersistent) as caught:
        await a_driver().power_state(node_at(**{"port": 623, **oob}))
    assert seen in str(caught.value)
    assert "x" * 21 not in str(caught.value)


def test_a_node_may_have_a_port_a_privilege_and_cipher_suites_of_its_own():
    node = node_at(1623, privilege="operator", cipher_suite="3, 17")
    bmc = bmc_of(node, IpmiOptions())
    assert (bmc.port, bmc.privilege, bmc.suites) == (1623, "OPERATOR", (3, 17))
    plain = bmc_of(node_at(None), IpmiOptions(port=7, privilege="OPERATOR", cipher_suites="3"))
    assert (plain.port, plain.privilege, plain.suites) == (7, "OPERATOR", (3,))
    assert CREDENTIAL not in repr(bmc)


def test_a_key_that_a_node_leaves_empty_is_not_said():
    bmc = bmc_of(node_at("", privilege="", cipher_suite=""), IpmiOptions())
    assert (bmc.port, bmc.privilege, bmc.suites) == (623, "ADMINISTRATOR", (17, 3))


def test_a_power_cycle_sets_the_boot_device_twice_and_switches_twice():
    driver = IpmiOob(IpmiOptions(give_up_seconds=10, power_seconds=100))
    assert driver.worst_case_seconds == 4 * 10 + 2 * 100


@pytest.mark.parametrize("suites", [[0], [18], [], [3] * 9])
def test_cipher_suites_that_there_are_not_are_refused(suites):
    with pytest.raises(InvalidConfig, match=r"pyghmi_driver\.cipher_suites"):
        ipmi.DRIVER.build({"cipher_suites": suites}, "oob driver ipmi", "pyghmi_driver.")


async def test_without_ipmitool_it_says_which_package_brings_it(monkeypatch):
    missing = Program("ipmitool-that-is-not-there", "ipmitool")
    monkeypatch.setattr(ipmi, "IPMITOOL", missing)
    monkeypatch.setattr(ipmitool, "IPMITOOL", missing)
    with pytest.raises(DriverPersistent, match="apt-get install ipmitool"):
        await a_driver().check()
    with pytest.raises(DriverPersistent, match="apt-get install ipmitool"):
        await a_driver().power_state(node_at(623))


@pytest.mark.slow
@pytest.mark.peer("qemu")
@real
async def test_a_power_cycle_with_network_boot_is_seen_by_the_firmware_of_the_machine(
    ipmi_sim, wire, serial
):
    ports = {"network": wire.port, "local": free_udp_port(), "serial": serial.port}
    sim = ipmi_sim("n1", chassis=CHASSIS, machine=machine(mac=MAC, **ports))
    driver, voice = a_driver(), Voice()
    (sim.folder / "disk").write_bytes(BOOT_SECTOR.ljust(1 << 20, b"\0"))
    node = node_at(sim.port)
    async with asyncio.timeout(120):
        await driver.power_on(node, voice)
        assert await serial.written.get() == b"D"  # from disk
        assert wire.discovers.empty()
        # As a task does it.
        await driver.set_network_boot(node, voice)
        await driver.power_off(node, voice)
        await driver.set_network_boot(node, voice)
        await driver.power_on(node, voice)
        frame = await wire.discovers.get()
        assert (mac_of(frame), b"iPXE" in frame) == (MAC, True)
        await driver.power_off(node, voice)
        assert await driver.power_state(node) is PowerState.OFF

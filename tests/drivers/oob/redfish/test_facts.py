"""What a BMC tells of itself. Contract, oob-faults, C.24; real BMCs lack much of it."""

import pytest

from drydockd.drivers.oob.redfish.facts import MOST_CHASSIS
from drydockd.machines import BmcFacts, PowerState
from tests.peers.bmc import Machine, a_boot


async def test_all_that_a_good_bmc_tells(lab):
    a = await lab(Machine(power="On", name="cp1", macs=["52:54:00:AA:00:01", "52:54:00:AA:00:02"]))
    await a.netboot()
    facts = await a.facts()
    assert facts.seconds is not None
    assert facts == BmcFacts(
        "redfish",
        PowerState.ON,
        boot_device="network, once",
        vendor="Example Inc.",
        model="Scripted 9000",
        serial="SN-0001",
        uuid="8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001",
        name="cp1",
        macs=("52:54:00:aa:00:01", "52:54:00:aa:00:02"),
        firmware="7.10.30.00",
        tls="none: plain HTTP",
        seconds=facts.seconds,
        odd=("the connection is not encrypted: BMC passwords cross the network readable",),
    )


async def test_nothing_is_changed_by_asking(lab):
    a = await lab()
    await a.facts()
    assert a.bmc.bodies == []
    assert {method for method, _ in a.bmc.asked} == {"GET", "POST", "DELETE"}


@pytest.mark.parametrize("ports", ["Ports", "NetworkPorts", "NetworkDeviceFunctions"])
async def test_c24_mac_addresses_may_stand_only_at_the_adapters(lab, ports):
    a = await lab(Machine(macs=["52:54:00:AA:00:01"]), adapter_ports=ports)
    assert (await a.facts()).macs == ("52:54:00:aa:00:01",)


async def test_c24_useless_mac_addresses_are_left_out(lab):
    a = await lab(Machine(macs=["", "80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:2d:03:00:5e:d5:31"]))
    facts = await a.facts()
    assert facts.macs == ()
    assert "it tells no MAC address" in facts.odd


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_what_a_bmc_refuses_is_left_out(lab, status):
    a = await lab()
    a.bmc.rule("GET", ".*/(Managers|EthernetInterfaces|Chassis).*", status=status)
    facts = await a.facts()
    assert (facts.firmware, facts.macs, facts.serial) == (None, (), "SN-0001")
    assert any("HTTP 500" in odd for odd in facts.odd) == (status == 500)


async def test_what_a_bmc_does_not_know_is_none(lab):
    a = await lab(Machine(serial=" ", uuid="not set", boot={"x": 1}, more={"Boot": {}}))
    facts = await a.facts()
    assert (facts.serial, facts.uuid, facts.name, facts.boot_device) == (None, None, None, None)
    assert any("no boot override" in odd for odd in facts.odd)
    assert any("neither serial number nor UUID" in odd for odd in facts.odd)


async def test_what_is_odd_is_told(lab):
    boot = a_boot(
        BootSourceOverrideEnabled="Continuous",
        BootSourceOverrideTarget="Hdd",
        BootSourceOverrideMode="Legacy",
    )
    machine = Machine(boot=boot, more={"Status": {"Health": "Critical"}})
    a = await lab(machine, boot_mode="uefi", limit=0)
    assert (await a.facts()).odd == (
        "all its sessions are taken; basic authentication was used instead",
        "the connection is not encrypted: BMC passwords cross the network readable",
        "its boot override holds for every start: disk, every start",
        "its boot mode is Legacy, and the design's is UEFI",
        "it says that the machine's health is Critical",
    )


async def test_a_machine_with_countless_chassis_is_read_up_to_a_limit(lab):
    chassis = [{"@odata.id": f"/redfish/v1/Chassis/{number}"} for number in range(100)]
    a = await lab(Machine(macs=[], more={"Links": {"Chassis": chassis}}))
    await a.facts()
    assert a.bmc.count("GET", ".*/Chassis/[0-9]+") == MOST_CHASSIS

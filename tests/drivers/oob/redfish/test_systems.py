"""Which system behind a BMC is the node's. Contract, oob-faults, C.12, C.13, C.24."""

import pytest

from drydockd.drivers.oob.redfish.systems import MOST_NICS, MOST_SYSTEMS, as_mac
from drydockd.errors import DriverPersistent
from drydockd.machines import PowerState
from tests.peers.bmc import Machine

UUIDS = ("8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001", "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0002")


def two():
    return (
        Machine("1", serial="SN-1", uuid=UUIDS[0], macs=["52:54:00:aa:00:01"], power="On"),
        Machine("2", serial="SN-2", uuid=UUIDS[1].upper(), macs=["52:54:00:AA:00:02"]),
    )


async def test_c12_a_bmc_that_shows_no_system_yet_is_asked_again(lab):
    a = await lab(Machine(power="On"), empty_collections=9)
    assert await a.state() is PowerState.ON


async def test_c12_one_that_never_shows_any_fails_at_the_deadline(lab):
    a = await lab(empty_collections=10**9)
    assert "it shows no system (yet)" in await a.in_vain(a.state)


@pytest.mark.parametrize(
    "told",
    [
        {"serial": "sn-2"},
        {"uuid": UUIDS[1]},
        {"boot_mac": "52:54:00:aa:00:02"},
        {"system_id": "2"},
        {"system_id": "/redfish/v1/Systems/2"},
        {"options": {"system_id": "2"}},
    ],
    ids=str,
)
async def test_c13_the_system_is_told_by_what_the_design_knows_of_it(lab, told):
    a = await lab(*two(), **told)
    await a.on()
    assert [machine.resets for machine in a.bmc.machines] == [[], ["On"]]


async def test_c13_what_dell_calls_a_service_tag_tells_a_system_too(lab):
    first, second = two()
    second.sku = "7XK2M53"
    a = await lab(first, second, serial="7xk2m53")
    await a.on()
    assert second.resets == ["On"]


@pytest.mark.parametrize("kind", ["DPU", "Composed"])
async def test_c13_cards_and_compositions_are_no_nodes(lab, kind):
    first, second = two()
    first.type = kind
    a = await lab(first, second)
    await a.on()
    assert second.resets == ["On"]


async def test_c13_a_bluefield_that_does_not_say_so_is_known_by_name(lab):
    first, second = two()
    first.id = "Bluefield"
    a = await lab(first, second)
    await a.on()
    assert second.resets == ["On"]


@pytest.mark.parametrize("told", [{}, {"boot_mac": "52:54:00:ff:ff:ff"}, {"serial": "SN-3"}])
async def test_c13_nothing_is_guessed(lab, told):
    a = await lab(*two(), **told)
    with pytest.raises(DriverPersistent) as caught:
        await a.off()
    assert "it has the systems 1, 2, and none is told by" in str(caught.value)
    assert str(caught.value).endswith("; set oob.system_id of the node")
    assert a.bmc.bodies == []


async def test_c13_a_system_that_is_not_there_is_told_with_those_that_are(lab):
    a = await lab(*two(), system_id="3")
    with pytest.raises(DriverPersistent, match=r"it has no system 3, but 1, 2; correct oob\.s"):
        await a.off()


@pytest.mark.parametrize("told", [{"serial": "SN-9"}, {"uuid": UUIDS[1]}])
async def test_a_machine_that_is_another_is_never_touched(lab, told):
    a = await lab(Machine(power="On"), **told)
    with pytest.raises(DriverPersistent, match="another machine has this BMC address"):
        await a.off()
    assert a.machine.power == "On"


async def test_c24_identity_does_not_depend_on_a_mac_address_of_the_bmc(lab):
    a = await lab(Machine(macs=[""]), boot_mac="52:54:00:ff:ff:ff")
    assert await a.state() is PowerState.OFF


@pytest.mark.parametrize(
    ("said", "mac"),
    [
        ("52:54:00:AA:00:01", "52:54:00:aa:00:01"),
        ("52-54-00-AA-00-01", "52:54:00:aa:00:01"),
        ("525400AA0001", "52:54:00:aa:00:01"),
        ("", None),
        (None, None),
        ("00:00:00:00:00:00", None),
        ("N/A", None),
        ("80:00:02:08:fe:80:00:00:00:00:00:00:e4:1d:2d:03:00:5e:d5:31", None),
    ],
)
def test_c24_a_mac_address_has_six_octets_in_lower_case(said, mac):
    assert as_mac(said) == mac


@pytest.mark.slow
async def test_a_bmc_with_countless_systems_is_read_up_to_a_limit(lab):
    machines = [Machine(str(number), macs=[]) for number in range(100)]
    machines[0].macs = ["52:54:00:aa:00:01"] * 100
    a = await lab(*machines, serial="SN-0000", boot_mac="52:54:00:ff:ff:ff")
    with pytest.raises(DriverPersistent, match="it has the systems 0, 1, 2, "):
        await a.state()
    assert a.bmc.count("GET", ".*/Systems/[0-9]+") == MOST_SYSTEMS
    assert a.bmc.count("GET", ".*/Systems/0/EthernetInterfaces/.*") == MOST_NICS

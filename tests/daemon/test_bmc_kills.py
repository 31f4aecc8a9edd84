"""A daemon killed in each half of a power cycle: one power cut, nothing late of the dead one."""

import asyncio
import json
import os

import pytest

from tests.daemon.fleet import RedfishBmc, address, mac, site
from tests.daemon.hypervisor import Guests
from tests.daemon.killed import a_killed_site
from tests.peers.bmc import ACCOUNT, PASSWORD

pytestmark = [pytest.mark.process, pytest.mark.slow]

REDFISH = {"type": "redfish", "account": ACCOUNT, "credential": PASSWORD}
RESET = ".*/ComputerSystem.Reset"


async def until(is_true):
    while not is_true():
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("action", ["prepare_nodes", "power_cycle_nodes"])
async def test_what_a_killed_daemon_had_sent_to_a_bmc_never_cuts_the_power_later(tmp_path, action):
    """The BMC carries each of its resets out when all is over; by then its session is no more."""
    bmc = RedfishBmc(1)
    await bmc.start(address=address(1))
    late = [asyncio.Event(), asyncio.Event()]
    held = [bmc.rule("POST", RESET, hold=event, times=1) for event in late]
    held[1].skip = 1
    oob = {"n1": {"port": str(bmc.port)}}
    try:
        async with a_killed_site(
            tmp_path,
            site(1, REDFISH, **oob),
            lambda _, cable: setattr(bmc, "cable", cable),
            plugins={"oob_driver": ["redfish"]},
            redfish_driver={"use_ssl": False, "power_state_change_retry_interval": 0.1},
        ) as killed:
            await killed.kill_at(action, until(lambda: held[0].hits))
            assert len(bmc.sessions) == 1
            await killed.kill_at(action, until(lambda: bmc.count("POST", RESET) == 3))
            task, said = await killed.end()
            left = dict(bmc.sessions)
            cuts, state = bmc.machine.cuts, bmc.machine.power
            for event in late:
                event.set()
            await until(lambda: bmc.open_requests == 0)
            counters = (await killed.machines())["n1"]["counters"]
    finally:
        await bmc.stop()

    assert killed.kills == 2
    assert task["result"]["status"] == "success", (task["result"], said)
    assert (cuts, state, counters["power_cuts"]) == (1, "On", 1)
    assert left == {}
    assert sum("ended session" in text for text in said) == 2, said
    assert (bmc.machine.cuts, bmc.machine.power) == (1, "On")
    assert PASSWORD not in killed.log() + "".join(said)


@pytest.fixture
async def guests(hypervisor):
    guests = Guests(hypervisor, 2)
    await guests.define()
    yield guests
    await guests.forget()


needs_qemu = pytest.mark.skipif(
    not os.path.isdir("/sys/kernel"), reason="libvirt starts no guest without /sys"
)


def sections(hypervisor):
    keys = {"keyfile": str(hypervisor.keyfile), "known_hosts": str(hypervisor.known_hosts)}
    return {
        "plugins": {"oob_driver": ["libvirt"]},
        "libvirt_driver": {"poll_interval": 0.2, "power_seconds": 120, **keys},
    }


@pytest.mark.peer("qemu")
@needs_qemu
async def test_libvirt_takes_nodes_from_unknown_to_prepared(tmp_path, hypervisor, guests):
    async with (
        a_killed_site(tmp_path, guests.site(), guests.connect, **sections(hypervisor)) as site_,
        guests.followed(),
    ):
        tasks = [await site_.run("verify_nodes"), await site_.run("prepare_nodes")]
        machines = await site_.machines()
        kept = await site_.told("/nodes/n1/builddata")
    [facts] = [json.loads(one["data_element"]) for one in kept if one["generator"] == "libvirt"]
    assert (facts["power"], facts["name"], facts["macs"]) == ("on", "n1", [mac(1)])
    assert facts["boot_device"] == "disk; always"
    for task in tasks:
        assert task["result"]["status"] == "success", task["result"]
        assert sorted(task["result"]["successes"]) == ["n1", "n2"]
    for name in ("n1", "n2"):
        counters = machines[name]["counters"]
        assert machines[name]["state"] == "ready"
        assert [counters[what] for what in ("power_cuts", "netboots")] == [1, 1]
        assert guests.told[name] == ["off", "on from network"]


@pytest.mark.peer("qemu")
@needs_qemu
async def test_a_daemon_killed_in_each_half_of_a_cycle_stops_no_guest_twice(
    tmp_path, hypervisor, guests
):
    def seen(order):
        return until(lambda: any(order in told for told in guests.told.values()))

    async with (
        a_killed_site(tmp_path, guests.site(), guests.connect, **sections(hypervisor)) as killed,
        guests.followed(),
    ):
        for moment in (asyncio.sleep(0), seen("off"), seen("on from network")):
            await killed.kill_at("prepare_nodes", moment)
        task, said = await killed.end()
        machines = await killed.machines()
    assert killed.kills == 3
    assert task["result"]["status"] == "success", (task["result"], said)
    for name in ("n1", "n2"):
        assert guests.told[name] == ["off", "on from network"], said
        assert machines[name]["counters"]["power_cuts"] == 1

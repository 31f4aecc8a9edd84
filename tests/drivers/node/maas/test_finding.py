"""Which machine of MAAS a node is; "unknown" only where that is certain."""

import logging

import pytest

from drydockd.drivers.node.maas.finding import Finder, PowerAddresses, plain_address
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from tests.drivers.node.maas.making import a_node
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine, add_rack

MAC = "52:54:00:aa:bb:01"


@pytest.fixture
def finder(client):
    return Finder(client, PowerAddresses(client, seconds=60))


def manual(name="n1", **given):
    return a_node(name, oob_type="manual", oob_parameters={}, addressing=(), **given)


@pytest.mark.parametrize("written", ["52:54:00:AA:BB:01", "52-54-00-aa-bb-01", "525400AABB01"])
async def test_a_boot_mac_in_upper_case_finds_the_deployed_machine(maas, finder, written):
    add_machine(maas, "swift-fox", boot_mac=MAC, status_name="Deployed")
    found = await finder.find(manual(boot_mac=written), None)
    assert (found.hostname, found.status) == ("swift-fox", "Deployed")


async def test_the_simulator_finds_upper_case_no_more_than_maas_does(maas, client):
    add_machine(maas, "swift-fox", boot_mac=MAC)
    assert await client.get("machines/", query={"mac_address": MAC.upper()}) == []


async def test_a_bmc_tells_the_machine(maas, finder):
    add_machine(maas, "other")
    wanted = add_machine(maas, "swift-fox")
    node = a_node(addressing=(a_node().addressing[0].__class__("oob", "static", "172.22.9.2"),))
    assert (await finder.find(node, None)).sid == wanted.system_id


async def test_unknown_is_said_only_after_all_look_ups(maas, finder):
    with pytest.raises(NodeUnknown, match=r"n1.*172\.22\.9\.1.*52:54:00:aa:bb:01"):
        await finder.find(a_node(boot_mac=MAC), "lab")
    assert maas.counted("GET", "rackcontrollers/.*") == 3


@pytest.mark.parametrize("status", [503, 500, 429])
async def test_a_failed_look_up_is_never_unknown(maas, finder, status):
    add_machine(maas, "swift-fox", boot_mac=MAC)
    for number in range(6):
        fault = Fault(lambda call, n=number: call.number == n, status=status)
        maas.calls.clear()
        maas.faults.append(fault)
        try:
            await finder.find(manual(boot_mac=MAC), None)
        except DriverTransient:
            assert not fault.times
        else:
            assert fault.times
        finder.forget("n1")


async def test_two_machines_of_one_name_in_two_domains_are_a_conflict(maas, finder):
    maas.domains[1] = {"name": "lab", "authoritative": True}
    add_machine(maas, "n1")
    add_machine(maas, "n1", domain="lab")
    with pytest.raises(DriverConflict, match=r"n1\.maas \(sid001\), n1\.lab \(sid002\)"):
        await finder.find(a_node(), "lab")


async def test_a_name_in_another_domain_without_proof_is_a_conflict(maas, finder):
    add_machine(maas, "n1")
    with pytest.raises(DriverConflict, match="another domain than lab"):
        await finder.find(manual(), "lab")
    assert (await finder.find(manual(), "maas")).hostname == "n1"


async def test_a_name_with_another_machines_nics_is_a_conflict(maas, finder):
    add_machine(maas, "n1")
    with pytest.raises(DriverConflict, match=f"no NIC {MAC}"):
        await finder.find(manual(boot_mac=MAC), None)


async def test_a_name_with_another_machines_bmc_is_a_conflict(maas, finder):
    add_machine(maas, "n1", power_parameters={"power_address": "172.22.9.77"})
    with pytest.raises(DriverConflict, match=r"172\.22\.9\.77, not 172\.22\.9\.1"):
        await finder.find(a_node(), None)


async def test_one_bmc_for_two_machines_is_a_conflict(maas, finder):
    for name in ("a", "b"):
        add_machine(maas, name, power_parameters={"power_address": "172.22.9.1"})
    with pytest.raises(DriverConflict, match="sid001, sid002"):
        await finder.find(a_node(), None)


async def test_rack_controllers_are_infrastructure(maas, finder):
    add_rack(maas, "n1", MAC, None)
    assert (await finder.find(manual(), None)).kind == "infrastructure"
    assert (await finder.find(manual("n2", boot_mac=MAC), None)).kind == "infrastructure"


async def test_what_was_found_is_asked_for_by_its_id(maas, finder):
    add_machine(maas, "n1")
    await finder.find(a_node(), None)
    before = maas.counted()
    await finder.find(a_node(), None)
    assert maas.counted() == before + 1


@pytest.mark.parametrize("change", ["renamed", "deleted"])
async def test_what_changed_since_is_looked_for_again(maas, finder, change):
    machine = add_machine(maas, "n1", boot_mac=MAC)
    await finder.find(manual(boot_mac=MAC), None)
    if change == "renamed":
        machine.hostname = "n9"
        assert (await finder.find(manual(boot_mac=MAC), None)).hostname == "n9"
    else:
        del maas.machines[machine.system_id]
        with pytest.raises(NodeUnknown):
            await finder.find(manual(boot_mac=MAC), None)


async def test_of_all_bmc_passwords_nothing_is_kept_or_logged(maas, client, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("a", "b"):
        add_machine(maas, name)
    powers = PowerAddresses(client, seconds=60)
    assert await powers.of() == {"sid001": "172.22.9.1", "sid002": "172.22.9.2"}
    assert vars(powers)["_known"]["machine"][1] == await powers.of()
    for secret in maas.secrets():
        assert secret not in caplog.text


async def test_many_nodes_share_one_answer_with_passwords_in_it(maas, client):
    now = [100.0]
    powers = PowerAddresses(client, seconds=10, clock=lambda: now[0])
    for _ in range(3):
        await powers.of()
    assert maas.counted("GET", "machines/", "power_parameters") == 1
    now[0] += 11
    await powers.of()
    assert maas.counted("GET", "machines/", "power_parameters") == 2


async def test_a_failed_look_at_the_power_is_not_remembered(maas, client):
    powers = PowerAddresses(client, seconds=60)
    maas.faults.append(Fault(at("GET", "machines/", "power_parameters"), status=503))
    with pytest.raises(DriverTransient):
        await powers.of()
    assert await powers.of() == {}


def test_addresses_are_compared_in_one_form():
    assert plain_address("[FD00::0:1]") == plain_address("fd00::1")
    assert plain_address("BMC1.example") == "bmc1.example"
    assert plain_address("") is None

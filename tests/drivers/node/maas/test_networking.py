"""A machine gets its network: whatever MAAS has, whatever goes wrong between, and only once."""

from contextlib import suppress
from dataclasses import replace

import pytest

from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.networking import apply_network
from drydockd.drivers.node.maas.survey import Survey
from drydockd.errors import DriverConflict, DriverTransient, DriverUnsupported
from drydockd.plans import AddressPlan
from tests.drivers.node.maas.apparatus import state
from tests.drivers.node.maas.making import Killed, cut_client
from tests.drivers.node.maas.plans import (
    LACP,
    a_bond,
    a_network,
    a_single,
    a_vlan,
    commissioned,
    lay,
    links,
    nic,
    static,
    subnet_id,
    vlan_id,
)
from tests.peers.maas import Fault, Simulator, at
from tests.peers.maas.site import add_vlan, furnished

INTERFACES = r"nodes/[^/]+/interfaces/"
INTERFACE = INTERFACES + r"\d+/"


@pytest.fixture
def life(client):
    return Lifecycle(client, poll_seconds=0.001)


@pytest.fixture
def region(maas):
    return lay(maas)


async def test_a_bond_with_a_vlan_gets_its_addresses_and_the_way_out(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    assert links(machine, "bond0") == [("static", "10.1.0.7")]
    assert links(machine, "bond0.200") == [("static", "10.2.0.7")]
    assert nic(machine, "bond0")["links"][0]["default"] == 4
    bond = nic(machine, "bond0")["params"]
    assert (bond["bond_mode"], bond["bond_lacp_rate"], bond["bond_miimon"]) == (
        ("802.3ad", "fast", 100)
    )
    assert (bond["bond_xmit_hash_policy"], bond["bond_downdelay"]) == ("layer3+4", 200)


async def test_row_14_members_get_their_mtu_before_the_bond(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    assert {nic(machine, name)["mtu"] for name in ("eno1", "eno2", "bond0")} == {9000}
    acts = [(call.method, call.op) for call in region.calls if call.method != "GET"]
    assert acts[:3] == [("PUT", None), ("PUT", None), ("POST", "create_bond")]


async def test_a_second_run_reads_and_changes_nothing(region, client):
    _, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    before = len(region.writes())
    await apply_network(client, handle, a_network())
    assert len(region.writes()) == before


async def test_only_what_differs_is_changed(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    before = len(region.writes())
    vlan = a_vlan(address=static("10.2.0.8/24"))
    await apply_network(client, handle, a_network(a_bond(vlans=(vlan,))))
    assert [call.split()[-1] for call in region.writes()[before:]] == [
        "unlink_subnet",
        "link_subnet",
    ]
    assert links(machine, "bond0.200") == [("static", "10.2.0.8")]


async def test_settings_of_a_bond_are_changed_in_place(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    before = len(region.writes())
    await apply_network(client, handle, a_network(a_bond(bond=replace(LACP, mon_rate=50))))
    assert len(region.writes()) == before + 1
    assert nic(machine, "bond0")["params"]["bond_miimon"] == 50


async def test_row_8_a_link_is_not_added_beside_one_that_is_not_wanted(region, client):
    machine, handle = commissioned(region)
    pxe = subnet_id(region, "pxe")
    eno1 = nic(machine, "eno1")
    eno1["vlan"] = vlan_id(region, "pxe", 0)
    eno1["links"] = [
        {"id": 1, "mode": "static", "subnet": pxe, "ip_address": "10.9.0.5"},
        {"id": 2, "mode": "auto", "subnet": pxe, "ip_address": None},
    ]
    await apply_network(client, handle, a_network(a_single()))
    assert links(machine, "eno1") == [("dhcp", None)]


async def test_row_8_up_without_address_replaces_other_links(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    up = a_bond(address=AddressPlan("none"))
    await apply_network(client, handle, a_network(up, gateways=()))
    assert links(machine, "bond0") == [("link_up", None)]


async def test_an_address_moves_from_one_interface_to_another(region, client):
    machine, handle = commissioned(region)
    one = a_single(address=static("10.9.0.7/24"))
    await apply_network(client, handle, a_network(one, gateways=("10.9.0.1",)))
    two = replace(one, devices=(replace(one.devices[0], name="eno2"),))
    await apply_network(client, handle, a_network(two, gateways=("10.9.0.1",)))
    assert links(machine, "eno2") == [("static", "10.9.0.7")]
    assert ("static", "10.9.0.7") not in links(machine, "eno1")


async def test_the_way_out_is_set_where_only_that_is_missing(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    nic(machine, "bond0")["links"][0].pop("default")
    before = len(region.writes())
    await apply_network(client, handle, a_network())
    assert [call.split()[-1] for call in region.writes()[before:]] == ["set_default_gateway"]
    assert nic(machine, "bond0")["links"][0]["default"] == 4


async def test_one_nic_comes_to_its_vlan_and_address_with_one_request(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network(a_single()))
    assert len(region.writes()) == 1
    assert nic(machine, "eno1")["vlan"] == vlan_id(region, "pxe", 0)


async def test_a_bond_that_is_not_wanted_so_begins_anew(region, client):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    await apply_network(client, handle, a_network(a_single()))
    assert [kept["name"] for kept in machine.interfaces.values()] == ["eno1", "eno2"]
    assert links(machine, "eno1") == [("dhcp", None)]
    assert region.done["restore", machine.system_id] == 1


async def test_a_deployed_machine_and_a_rack_controller_are_left_alone(region, client):
    _, handle = commissioned(region, status_name="Deployed")
    await apply_network(client, handle, a_network())
    await apply_network(client, replace(handle, kind="infrastructure"), a_network())
    assert region.writes() == []


async def test_a_failed_deployment_is_released_first_and_nothing_is_erased(region, client, life):
    machine, handle = commissioned(region, status_name="Failed deployment", owner="admin")
    await apply_network(client, handle, a_network(), life=life)
    assert region.writes()[0] == f"POST machines/{handle.id}/ release"
    assert "erase" not in region.calls[1].form
    assert links(machine, "bond0") == [("static", "10.1.0.7")]


async def test_an_allocated_machine_is_changed_in_place(region, client, life):
    """A run that ended between allocation and deployment goes on."""
    machine, handle = commissioned(region, status_name="Allocated", owner="admin")
    await apply_network(client, handle, a_network(), life=life)
    assert machine.status_name == "Allocated"
    assert links(machine, "bond0") == [("static", "10.1.0.7")]


async def test_an_allocated_machine_that_must_begin_anew_is_released(region, client, life):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    machine.status_name, machine.owner = "Allocated", "admin"
    await apply_network(client, handle, a_network(a_single()), life=life)
    assert machine.status_name == "Ready"
    assert links(machine, "eno1") == [("dhcp", None)]


async def test_somebody_elses_machine_is_not_released(region, client, life):
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network())
    machine.status_name, machine.owner = "Allocated", "bob"
    before = state(machine)
    with pytest.raises(DriverConflict, match="allocated to bob, not to admin"):
        await apply_network(client, handle, a_network(a_single()), life=life)
    assert state(machine) == before


@pytest.mark.parametrize("status", ["New", "Broken", "Deploying", "Rescue mode", "Commissioning"])
async def test_another_state_is_named(region, client, status):
    _, handle = commissioned(region, status_name=status)
    with pytest.raises(DriverConflict, match=f"n1: the network .* it is {status}"):
        await apply_network(client, handle, a_network())
    assert region.writes() == []


@pytest.mark.parametrize(
    ("plan", "error"),
    [
        (a_network(a_bond(link="nosuch")), DriverConflict),
        (a_network(a_bond(mtu=100, vlans=())), DriverUnsupported),
        (a_network(a_bond(), a_single(name="x", link="nosuch")), DriverConflict),
    ],
)
async def test_nothing_is_written_when_anything_of_the_plan_is_wrong(region, client, plan, error):
    _, handle = commissioned(region)
    with pytest.raises(error):
        await apply_network(client, handle, plan)
    assert region.writes() == []


async def test_row_19_a_host_name_with_an_underscore_is_refused_without_a_request(region, client):
    _, handle = commissioned(region)
    with pytest.raises(DriverUnsupported):
        await apply_network(client, replace(handle, name="a_b"), a_network())
    assert region.calls == []


async def test_a_400_is_told_with_all_fields_and_what_was_done_is_kept(region, client):
    machine, handle = commissioned(region)
    subnet = subnet_id(region, "storage")
    region.ranges[1] = {
        "type": "dynamic",
        "subnet": subnet,
        "start_ip": "10.2.0.1",
        "end_ip": "10.2.0.50",
    }
    with pytest.raises(Refused, match=r"IP address is inside a dynamic range 10.2.0.1 to 10.2.0.5"):
        await apply_network(client, handle, a_network())
    region.ranges.clear()
    await apply_network(client, handle, a_network())
    assert region.done["create_bond", machine.system_id] == 1


FAULTS = [
    ("PUT", INTERFACE, None),
    ("POST", INTERFACES, "create_bond"),
    ("POST", INTERFACES, "create_vlan"),
    ("POST", INTERFACE, "link_subnet"),
]


@pytest.mark.parametrize(("method", "path", "op"), FAULTS)
@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"is_lost": True}, {"is_dropped": True}, {"status": 409, "body": "busy"}],
    ids=["503", "answer lost", "dropped", "409"],
)
async def test_a_fault_between_is_looked_at_anew(region, client, method, path, op, fault):
    machine, handle = commissioned(region)
    region.faults.append(Fault(at(method, path, op), **fault))
    await apply_network(client, handle, a_network())
    assert region.faults[0].times == 0
    assert links(machine, "bond0") == [("static", "10.1.0.7")]
    assert region.done["create_bond", machine.system_id] == 1
    assert region.done["create_vlan", machine.system_id] == 1


async def test_a_maas_that_stays_away_is_told_as_transient(region, client):
    _, handle = commissioned(region)
    region.faults.append(Fault(at("POST", INTERFACES, "create_bond"), times=99, status=503))
    with pytest.raises(DriverTransient, match="create_bond: 503"):
        await apply_network(client, handle, a_network())


async def test_a_bond_that_somebody_removes_between_is_made_again(region, client):
    machine, handle = commissioned(region)

    def removed():
        number = next(n for n, kept in machine.interfaces.items() if kept["name"] == "bond0")
        del machine.interfaces[number]

    region.faults.append(Fault(at("POST", INTERFACES, "create_vlan"), before=removed))
    await apply_network(client, handle, a_network())
    assert links(machine, "bond0.200") == [("static", "10.2.0.7")]


async def test_a_machine_that_somebody_deploys_between_is_told(region, client):
    machine, handle = commissioned(region)
    hits = at("POST", INTERFACE, "link_subnet")
    region.faults.append(Fault(hits, before=lambda: setattr(machine, "status_name", "Deploying")))
    with pytest.raises(DriverConflict, match="it is Deploying"):
        await apply_network(client, handle, a_network())


async def test_what_somebody_keeps_putting_there_is_told(region, client):
    machine, handle = commissioned(region)

    def bridge():
        number = next(n for n, kept in machine.interfaces.items() if kept["name"] == "eno1")
        machine.interfaces[77] = {
            **machine.interfaces[number],
            "name": "br0",
            "type": "bridge",
            "parents": ["eno1"],
            "links": [],
        }

    bridge()
    region.faults.append(Fault(lambda call: call.op == "create_bond", times=9, before=bridge))
    with pytest.raises(DriverConflict, match="br0"):
        await apply_network(client, handle, a_network())


@pytest.mark.parametrize("is_sent", [False, True], ids=["before MAAS", "after MAAS"])
async def test_killed_at_any_request_the_next_run_ends_as_one_that_was_not(is_sent):
    whole = await run_whole()
    for number in range(whole["requests"] + 1):
        region = lay(furnished(Simulator()))
        await region.start()
        machine, handle = prepared(region)
        client, cut = cut_client(region, number, is_sent=is_sent)
        with suppress(Killed):
            await apply_network(client, handle, PLAN)
        assert cut.was_cut == (number < whole["requests"])
        cut.at = None
        await apply_network(client, handle, PLAN)
        await client.close()
        await region.stop()
        assert state(machine) == whole["state"], f"cut at {number}"
        assert region.done == whole["made"], f"cut at {number}"


BARE = a_vlan(network="x", vlan_id=201, address=AddressPlan("none"))
PLAN = a_network(a_bond(vlans=(a_vlan(), BARE)))


def prepared(region):
    """A machine with a bond of somebody's, so that it begins anew."""
    add_vlan(region, 100, 201, "x", 9000)
    machine, handle = commissioned(region)
    machine.interfaces[60] = {
        **nic(machine, "eno1"),
        "name": "bond7",
        "type": "bond",
        "parents": ["eno1", "eno2"],
        "links": [],
    }
    return machine, handle


async def run_whole():
    region = lay(furnished(Simulator()))
    await region.start()
    machine, handle = prepared(region)
    client, _ = cut_client(region)
    await apply_network(client, handle, PLAN)
    await client.close()
    await region.stop()
    return {"state": state(machine), "requests": len(region.calls), "made": region.done}


async def test_many_nodes_read_the_sites_networks_once(region, client):
    survey = Survey(client, seconds=60)
    for name in ("n1", "n2", "n3"):
        _, handle = commissioned(region, name)
        plan = a_network(a_single(), gateways=())
        await apply_network(client, handle, plan, survey=survey)
    assert region.counted("GET", "subnets/") == 1
    assert region.counted("GET", "fabrics/") == 1


async def test_what_was_read_earlier_is_read_anew_before_it_is_held_against_the_plan(maas, client):
    survey = Survey(client, seconds=60)
    await survey.wiring()
    region = lay(maas)
    machine, handle = commissioned(region)
    await apply_network(client, handle, a_network(), survey=survey)
    assert links(machine, "bond0") == [("static", "10.1.0.7")]

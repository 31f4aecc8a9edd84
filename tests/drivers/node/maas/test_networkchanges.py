"""What is next for a machine's network, computed from its document alone."""

import pytest

from drydockd.drivers.node.maas.networkchanges import absorb, found, next_change, restore, stray
from drydockd.drivers.node.maas.networkplan import Link, Port
from drydockd.errors import DriverConflict

UNTAGGED, TAGGED = {"id": 5001}, {"id": 5002}
SUBNET = {"id": 7, "gateway_ip": "10.1.0.1"}


def a_nic(number=1, name="eno1", **given):
    return {
        "id": number,
        "name": name,
        "type": "physical",
        "vlan": UNTAGGED,
        "effective_mtu": 1500,
        "params": "",
        "parents": [],
        "children": [],
        "links": [{"id": 50 + number, "mode": "link_up"}],
        **given,
    }


def a_machine(*nics):
    default = {"gateway_ip": None, "link_id": None}
    return {
        "system_id": "sid1",
        "interface_set": list(nics),
        "default_gateways": {"ipv4": dict(default), "ipv6": dict(default)},
    }


def a_port(**given):
    fields = {"name": "eno1", "kind": "physical", "vlan": 5001, "mtu": 1500, "id": 1}
    return Port(**{**fields, **given})


STATIC = Link("static", 7, "10.1.0.7")


def told(ports, machine):
    change = next_change(ports, machine)
    return change and " ".join(filter(None, (change.method, change.path, change.op)))


def test_an_interface_on_the_right_vlan_without_addresses_is_as_wanted():
    assert next_change([a_port()], a_machine(a_nic())) is None


def test_vlan_and_mtu_are_set_with_one_request():
    change = next_change([a_port(vlan=5002, mtu=9000)], a_machine(a_nic()))
    assert (change.method, change.path) == ("PUT", "nodes/sid1/interfaces/1/")
    assert change.form == {"vlan": 5002, "mtu": 9000}


def test_the_mtu_of_an_interface_is_its_own_not_that_of_what_stands_on_it():
    # MAAS tells the larger one of both as effective.
    nic = a_nic(params={"mtu": 1500}, effective_mtu=9000)
    assert next_change([a_port()], a_machine(nic)) is None


def test_the_members_of_a_bond_move_with_it():
    member = a_port(vlan=5002, links=None)
    bond = a_port(name="bond0", kind="bond", vlan=5002, id=None, parents=("eno1",))
    there = a_nic(9, "bond0", type="bond", parents=["eno1"])
    machine = a_machine(a_nic(children=["bond0"]), there)
    assert told([member, bond], machine) == "PUT nodes/sid1/interfaces/9/"


def test_one_address_on_another_vlan_is_forced():
    change = next_change([a_port(vlan=5002, links=(STATIC,))], a_machine(a_nic()))
    assert change.op == "link_subnet"
    assert change.form["force"] is True


def test_an_address_that_is_still_elsewhere_is_not_forced_there():
    link = {"id": 60, "mode": "static", "ip_address": "10.1.0.7", "subnet": SUBNET}
    other = a_nic(2, "eno2", links=[link])
    ports = [a_port(vlan=5002, links=(STATIC,))]
    assert told(ports, a_machine(a_nic(), other)) == "PUT nodes/sid1/interfaces/1/"


def test_addresses_go_before_addresses_come():
    link = {"id": 60, "mode": "static", "ip_address": "10.1.0.7", "subnet": SUBNET}
    other = a_nic(2, "eno2", links=[link])
    machine = a_machine(a_nic(), other)
    change = next_change([a_port(links=(STATIC,))], machine)
    assert (change.path, change.op) == ("nodes/sid1/interfaces/2/", "unlink_subnet")
    assert change.form == {"id": 60}


def test_what_maas_gives_an_interface_that_nobody_names_may_stay():
    other = a_nic(2, "eno2", links=[{"id": 60, "mode": "auto", "subnet": SUBNET}])
    assert next_change([a_port()], a_machine(a_nic(), other)) is None


def test_being_up_is_no_link_that_has_to_go_first():
    change = next_change([a_port(links=(STATIC,))], a_machine(a_nic()))
    assert change.op == "link_subnet"
    assert change.form["force"] is None


def test_the_same_address_written_otherwise_is_the_same():
    link = {"id": 60, "mode": "static", "ip_address": "fd00::7", "subnet": SUBNET}
    wanted = Link("static", 7, "fd00:0:0::7")
    assert next_change([a_port(links=(wanted,))], a_machine(a_nic(links=[link]))) is None


@pytest.mark.parametrize(
    ("kind", "port"),
    [
        ("bond", {"kind": "bond", "name": "bond1", "parents": ("eno1",), "id": None}),
        ("bond", {"kind": "bond", "name": "bond0", "parents": ("eno1", "eno2"), "id": None}),
        ("vlan", {"kind": "vlan", "name": "eno1.9", "parents": ("eno1",), "vlan": 1, "id": None}),
        ("bridge", {}),
    ],
)
def test_what_is_not_wanted_so_is_stray(kind, port):
    other = a_nic(9, "bond0", type=kind, parents=["eno1"])
    reason = stray([a_port(**port)], a_machine(a_nic(), other))
    assert reason == f"{kind} bond0 of eno1"
    assert restore(a_machine(), reason).op == "restore_networking_configuration"


def test_an_interface_that_is_gone_is_told():
    with pytest.raises(DriverConflict, match="eno1 is gone from MAAS"):
        found(a_port(), a_machine())


def test_a_new_bond_takes_the_links_of_its_members():
    machine = a_machine(a_nic(), a_nic(2, "eno2"))
    bond = a_nic(9, "bond0", type="bond", parents=["eno1", "eno2"], vlan=TAGGED)
    port = a_port(name="bond0", kind="bond", id=None, parents=("eno1", "eno2"))
    absorb(machine, next_change([port], machine), bond)
    members = machine["interface_set"][:2]
    assert [(nic["children"], nic["links"]) for nic in members] == [(["bond0"], [])] * 2
    assert {nic["vlan"]["id"] for nic in members} == {5002}


def test_the_way_out_is_known_from_the_answer():
    port = a_port(links=(Link("static", 7, "10.1.0.7", is_default=True),))
    machine = a_machine(a_nic())
    link = {"id": 60, "mode": "static", "ip_address": "10.1.0.7", "subnet": SUBNET}
    absorb(machine, next_change([port], machine), a_nic(links=[link]))
    assert machine["default_gateways"]["ipv4"] == {"gateway_ip": "10.1.0.1", "link_id": 60}
    assert next_change([port], machine) is None

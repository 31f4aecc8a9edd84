"""Which machine is which node."""

from dataclasses import replace

import pytest

from drydockd.drivers.node.netboot.addresses import SiteAddresses
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.nodes import Nodes
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from tests.design.rules.helpers import a_node, static
from tests.drivers.node.netboot.shelves import MAC, MemoryShelf

BY_MAC = a_node("n1", boot_mac=MAC.upper())
BY_BMC = a_node("n1", oob_parameters={"network": "oob"}, addressing=(static("oob", "10.2.0.7"),))
OTHER = "52:54:00:00:00:02"


async def nodes_of(*machines):
    known, awaited = Machines(MemoryShelf()), []
    for machine in machines:
        await known.save(machine)
    return Nodes(known, SiteAddresses(), awaited.append), awaited


async def test_a_machine_is_known_by_the_boot_mac_or_else_the_bmc():
    nodes, awaited = await nodes_of(Machine(MAC), Machine(OTHER, power_address="10.2.0.7"))
    assert nodes.look_up(BY_MAC).mac == MAC
    assert nodes.look_up(BY_BMC).mac == OTHER
    assert (await nodes.find(BY_BMC)).mac == OTHER
    assert nodes.of(nodes.look_up(BY_BMC)) is BY_BMC
    assert awaited == []


async def test_a_machine_that_is_unknown_is_awaited_once_it_is_sought_not_looked_up():
    nodes, awaited = await nodes_of()
    assert nodes.look_up(BY_MAC) is None
    assert awaited == []
    with pytest.raises(NodeUnknown, match=f"no machine with boot MAC {MAC}"):
        await nodes.find(BY_MAC)
    with pytest.raises(NodeUnknown, match=r"no machine with BMC 10\.2\.0\.7"):
        await nodes.find(BY_BMC)
    assert awaited == [MAC, None]


async def test_two_machines_that_tell_one_bmc_are_a_conflict():
    machines = [Machine(mac, power_address="10.2.0.7") for mac in (MAC, OTHER)]
    nodes, _ = await nodes_of(*machines)
    with pytest.raises(DriverConflict, match=f"{MAC}, {OTHER} tell the same BMC"):
        nodes.look_up(BY_BMC)


async def test_a_name_is_one_machines_and_a_machine_has_one_name():
    nodes, _ = await nodes_of(Machine(MAC), Machine(OTHER))
    assert (await nodes.adopt(MAC, BY_MAC)).name == "n1"
    assert (await nodes.adopt(MAC, BY_MAC)).name == "n1"
    with pytest.raises(DriverConflict, match="is the name of the machine"):
        await nodes.adopt(OTHER, BY_MAC)
    with pytest.raises(DriverConflict, match="is the node n1 already"):
        await nodes.adopt(MAC, replace(BY_MAC, name="n2"))


async def test_a_machine_that_no_task_looked_up_has_no_node():
    nodes, _ = await nodes_of(Machine(MAC))
    await nodes.find(BY_MAC)
    nodes.forget(MAC)
    with pytest.raises(DriverTransient, match="was not looked up before"):
        nodes.of(Machine(MAC))

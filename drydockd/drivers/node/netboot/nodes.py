"""Which machine is which node, and the nodes of the machines that tasks work on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from drydockd.drivers.node.netboot import views
from drydockd.drivers.node.netboot.addresses import Addresses
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import DriverConflict, DriverTransient, NodeUnknown
from drydockd.machines import canonical_mac
from drydockd.site import Node


class Nodes:
    """`await_mac` is told of a node whose machine is not known yet: by its boot MAC, or None."""

    def __init__(
        self, machines: Machines, addresses: Addresses, await_mac: Callable[[str | None], None]
    ) -> None:
        self._machines = machines
        self._addresses = addresses
        self._await_mac = await_mac
        self._met: dict[str, Node] = {}  # by the machine's MAC

    def look_up(self, node: Node) -> Machine | None:
        """Return the node's machine; nobody waits for one that is unknown.

        Raises DriverConflict where several tell the node's BMC.
        """
        if node.boot_mac:
            return self._machines.get(canonical_mac(node.boot_mac))
        named = self._machines.named(node.name)
        if named is not None:
            return named
        address = node.oob_address
        found = [
            m for m in self._machines if address and views.same_address(m.power_address, address)
        ]
        if len(found) > 1:
            macs = ", ".join(machine.mac for machine in found)
            raise DriverConflict(f"{node.name}: machines {macs} tell the same BMC {address}")
        return found[0] if found else None

    async def find(self, node: Node) -> Machine:
        """Raises NodeUnknown: the machine is awaited from now on, and its address reserved."""
        machine = self.look_up(node)
        if machine is None:
            mac = canonical_mac(node.boot_mac) if node.boot_mac else None
            if mac:
                await self._addresses.reserve(mac, node)
            self._await_mac(mac)
            known = f"boot MAC {mac}" if mac else f"BMC {node.oob_address or 'address'}"
            raise NodeUnknown(f"{node.name}: no machine with {known} has started from the network")
        self.meet(machine, node)
        return machine

    async def adopt(self, mac: str, node: Node) -> Machine:
        """Give the machine the node's name and address. Raises DriverConflict."""
        other = self._machines.named(node.name)
        if other is not None and other.mac != mac:
            raise DriverConflict(
                f"{node.name}: is the name of the machine {other.mac} already; destroy that node, "
                f"or correct metadata.boot_mac"
            )

        def named(machine: Machine) -> Machine:
            if machine.name not in (None, node.name):
                raise DriverConflict(
                    f"{node.name}: its machine {machine.mac} is the node {machine.name} already"
                )
            return replace(machine, name=node.name, address=address)

        address = await self._addresses.reserve(mac, node)
        machine = await self._machines.change(mac, named)
        self.meet(machine, node)
        return machine

    def meet(self, machine: Machine, node: Node) -> None:
        self._met[machine.mac] = node

    def of(self, machine: Machine) -> Node:
        """Raises DriverTransient for a machine that no task looked up in this life."""
        node = self._met.get(machine.mac)
        if node is None:
            raise DriverTransient(f"{machine.label}: was not looked up before")
        return node

    def forget(self, mac: str) -> None:
        self._met.pop(mac, None)

"""A machine that was found gets the node's name, and where asked for its BMC's account.

MAAS validates a machine's whole form at every change. Source: contract, maas, section 6, and
maas-facts, rows 18 to 22.
"""

from __future__ import annotations

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import domains
from drydockd.drivers.node.maas import machine as machines
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.machine import Machine
from drydockd.drivers.node.maas.paths import at
from drydockd.errors import DriverConflict, DriverUnsupported
from drydockd.machines import canonical_mac
from drydockd.site import Node


class Adopter:
    def __init__(self, client: MaasClient, life: Lifecycle, *, with_power: bool) -> None:
        self._client = client
        self._life = life
        self._with_power = with_power

    async def adopt(self, handle: Handle, node: Node, domain: str | None) -> Machine:
        """Return the machine under the node's name. Safe to repeat; nothing is sent twice.

        Raises DriverConflict: its NICs are others; DriverUnsupported: MAAS takes no such name.
        """
        if "_" in node.name:
            raise DriverUnsupported(f"{node.name}: MAAS takes no host name with an underscore")
        machine = await self._life.begin(handle.id)
        mac = canonical_mac(node.boot_mac) if node.boot_mac else None
        if mac and machine.macs and mac not in machine.macs:
            raise DriverConflict(f"{node.name}: {machine} has no NIC {mac}; it is another machine")
        form = {**self._identity(machine, node, domain), **self._power(node)}
        if not form:
            return machine
        path = at("machine", sid=machine.sid)
        return machines.read(await domains.put(self._client, path, form))

    def _identity(self, machine: Machine, node: Node, domain: str | None) -> dict[str, str]:
        form = {}
        if machine.hostname != node.name:
            form["hostname"] = node.name
        if domain and machine.domain != domain:
            form["domain"] = domain
        return form

    def _power(self, node: Node) -> dict[str, str]:
        """Type and all fields together: a new type without its fields is refused."""
        parameters = node.oob_parameters
        if node.oob_type == "libvirt":
            given = {"power_address": parameters.get("libvirt_uri"), "power_id": node.name}
            return _form("virsh", given)
        if not self._with_power or node.oob_type not in ("ipmi", "redfish"):
            return {}
        given = {
            "power_address": node.oob_address,
            "power_user": parameters.get("account"),
            "power_pass": parameters.get("credential"),
        }
        return _form(node.oob_type, given)


def _form(kind: str, given: dict[str, str | None]) -> dict[str, str]:
    fields = {f"power_parameters_{name}": value for name, value in given.items() if value}
    return {"power_type": kind, **fields}

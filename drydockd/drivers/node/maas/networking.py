"""Gives a machine of MAAS its network: read, compare, change what differs."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import networkchanges
from drydockd.drivers.node.maas.changes import Change, reconcile, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.networkplan import check_host_name, wanted_ports
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.readiness import Desk
from drydockd.errors import DriverConflict
from drydockd.plans import NetworkPlan

Document = dict[str, Any]


async def apply_network(
    client: MaasClient,
    handle: Handle,
    plan: NetworkPlan,
    *,
    life: Lifecycle | None = None,
) -> None:
    """Make the machine's network that of `plan`; safe to repeat and to be cut at any time.

    A deployed machine is left alone, a failed deployment is released first (with `life`). Raises
    DriverUnsupported and DriverConflict before the first change where the plan cannot be had,
    DriverConflict where the machine is in another state or changed by somebody else, and what
    `MaasClient` raises.
    """
    if handle.kind != "machine":
        return
    check_host_name(handle.name)
    desk = Desk(client, handle, "the network", life)
    machine = await desk.opened()
    if machine is None:
        return
    subnets = await client.get(at("subnets"))
    fabrics = await client.get(at("fabrics"))
    nics = machine["interface_set"]
    ports = wanted_ports(handle.name, plan, nics, subnets, fabrics)
    if (reason := networkchanges.stray(ports, machine)) is not None:
        # MAAS restores the networking of a machine that is Ready, and of no other.
        machine = await desk.released(machine)
        machine = await send(client, networkchanges.restore(machine, reason))
        ports = wanted_ports(handle.name, plan, machine["interface_set"], subnets, fabrics)
    known = [machine]

    async def read() -> Document:
        return known.pop() if known else await desk.read_open()

    def next_change(document: Document) -> Change | None:
        if (left := networkchanges.stray(ports, document)) is not None:
            raise DriverConflict(
                f"{handle.name}: MAAS has {left}, which the design has not, also after its "
                "networking was restored; remove it there, or commission the machine again"
            )
        return networkchanges.next_change(ports, document)

    async def make(change: Change) -> Any:
        return await send(client, change)

    await reconcile(handle.name, read, next_change, make, networkchanges.absorb)

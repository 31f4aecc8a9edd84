"""Gives a machine of MAAS its network: read, compare, change what differs."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import networkchanges
from drydockd.drivers.node.maas.changes import Change, reconcile, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.networkplan import Port, check_host_name, wanted_ports
from drydockd.drivers.node.maas.readiness import Desk
from drydockd.drivers.node.maas.survey import Survey
from drydockd.drivers.node.maas.wiring import Wiring
from drydockd.errors import DriverConflict, DriverError
from drydockd.plans import NetworkPlan

Document = dict[str, Any]


async def apply_network(
    client: MaasClient,
    handle: Handle,
    plan: NetworkPlan,
    *,
    life: Lifecycle | None = None,
    survey: Survey | None = None,
) -> None:
    """Make the machine's network that of `plan`; safe to repeat and to be cut at any time.

    A deployed machine is left alone, a failed deployment is released first, by `life`. The site's
    networks are read by `survey`, which may have them already. Raises DriverUnsupported and
    DriverConflict before the first change where the plan cannot be had, DriverConflict where the
    machine is in another state or changed by somebody else, and what `MaasClient` raises.
    """
    if handle.kind != "machine":
        return
    check_host_name(handle.name)
    desk = Desk(client, handle, "the network", life)
    machine = await desk.opened()
    if machine is None:
        return
    survey = survey or Survey(client)
    wiring, ports = await _planned(survey, handle, plan, machine)
    if (reason := networkchanges.stray(ports, machine)) is not None:
        # MAAS restores the networking of a machine that is Ready, and of no other.
        machine = await desk.released(machine)
        machine = await send(client, networkchanges.restore(machine, reason))
        ports = wanted_ports(handle.name, plan, machine["interface_set"], wiring)
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

    try:
        await reconcile(handle.name, read, next_change, make, networkchanges.absorb)
    except DriverError:
        # It may be of a subnet that is another one by now.
        survey.forget(wiring)
        raise


async def _planned(
    survey: Survey, handle: Handle, plan: NetworkPlan, machine: Document
) -> tuple[Wiring, tuple[Port, ...]]:
    """What is wanted; a contradiction to what was read earlier is looked at anew."""
    wiring = await survey.wiring()
    try:
        return wiring, wanted_ports(handle.name, plan, machine["interface_set"], wiring)
    except DriverConflict:
        if not survey.forget(wiring):
            raise
    wiring = await survey.wiring()
    return wiring, wanted_ports(handle.name, plan, machine["interface_set"], wiring)

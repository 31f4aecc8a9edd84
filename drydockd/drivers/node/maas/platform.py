"""Gives a machine of MAAS its tags, with the kernel options among them."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import platformplan
from drydockd.drivers.node.maas.changes import Change, reconcile, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.machine import STATES
from drydockd.drivers.node.maas.paths import at
from drydockd.drivers.node.maas.platformplan import wanted_tags
from drydockd.drivers.node.maas.rollcall import RollCall
from drydockd.machines import NodeState
from drydockd.plans import PlatformPlan

Document = dict[str, Any]


async def apply_platform(
    client: MaasClient, handle: Handle, plan: PlatformPlan, *, roll: RollCall | None = None
) -> None:
    """Make the machine's tags those of `plan`; safe to repeat and to be cut at any time.

    Tags of ours that the plan does not name are taken from the machine, others stay. A deployed
    machine is left alone. Raises DriverUnsupported before anything for a name that MAAS refuses,
    and what `MaasClient` raises.
    """
    if handle.kind != "machine":
        return
    tags = wanted_tags(handle.name, plan)
    roll = roll or RollCall(client)
    machine = await roll.begun(handle.id)
    if STATES.get(machine["status_name"]) is NodeState.DEPLOYED:
        return
    known = [machine]

    async def read() -> Document:
        if known and (there := platformplan.assumed(tags, known[0])) is not None:
            return {"machine": known.pop(), "tags": there}
        document = known.pop() if known else await roll.begun(handle.id)
        there = {tag["name"]: tag for tag in await client.get(at("tags"))}
        return {"machine": document, "tags": there}

    def next_change(state: Document) -> Change | None:
        return platformplan.next_change(tags, state)

    async def make(change: Change) -> Any:
        return await send(client, change)

    await reconcile(handle.name, read, next_change, make, platformplan.absorb)

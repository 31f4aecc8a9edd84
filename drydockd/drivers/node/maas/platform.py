"""Gives a machine of MAAS its tags, with the kernel options among them."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import platformplan
from drydockd.drivers.node.maas.changes import Change, reconcile
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.machine import STATES
from drydockd.drivers.node.maas.platformplan import wanted_tags
from drydockd.drivers.node.maas.rollcall import RollCall
from drydockd.drivers.node.maas.taglist import TagList
from drydockd.errors import DriverError
from drydockd.machines import NodeState
from drydockd.plans import PlatformPlan

Document = dict[str, Any]


async def apply_platform(
    client: MaasClient,
    handle: Handle,
    plan: PlatformPlan,
    *,
    roll: RollCall | None = None,
    taglist: TagList | None = None,
) -> None:
    """Make the machine's tags those of `plan`; safe to repeat and to be cut at any time.

    Tags of ours that the plan does not name are taken from the machine, others stay. A deployed
    machine is left alone. The tags that MAAS has are read by `taglist`, which may have them
    already, the machine by `roll`. Raises DriverUnsupported before anything for a name that MAAS
    refuses, and what `MaasClient` raises.
    """
    if handle.kind != "machine":
        return
    tags = wanted_tags(handle.name, plan)
    roll = roll or RollCall(client)
    machine = await roll.begun(handle.id)
    if STATES.get(machine["status_name"]) is NodeState.DEPLOYED:
        return
    taglist = taglist or TagList(client)
    known = [machine]

    async def read() -> Document:
        if known:
            return {"machine": known.pop(), "tags": await taglist.of()}
        taglist.forget()
        return {"machine": await roll.anew(handle.id), "tags": await taglist.of()}

    def next_change(state: Document) -> Change | None:
        return platformplan.next_change(tags, state)

    async def make(change: Change) -> Any:
        try:
            return await taglist.make(change)
        except DriverError:
            # Tags may have come or gone.
            taglist.forget()
            raise

    await reconcile(handle.name, read, next_change, make, platformplan.absorb)

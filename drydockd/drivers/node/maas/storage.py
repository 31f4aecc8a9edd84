"""Gives a machine of MAAS its disks: read, compare, change what differs."""

from __future__ import annotations

from typing import Any

from drydockd.drivers.base import Handle
from drydockd.drivers.node.maas import storagechanges
from drydockd.drivers.node.maas.changes import Change, reconcile, send
from drydockd.drivers.node.maas.client import MaasClient
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.readiness import Desk
from drydockd.drivers.node.maas.storageplan import Layout, wanted_layout
from drydockd.errors import DriverConflict
from drydockd.plans import StoragePlan

Document = dict[str, Any]


async def apply_storage(
    client: MaasClient,
    handle: Handle,
    plan: StoragePlan,
    *,
    life: Lifecycle | None = None,
) -> None:
    """Make the machine's disks those of `plan`; safe to repeat and to be cut at any time.

    What is there and wanted stays; anything else makes it begin anew with one of MAAS' layouts.
    A deployed machine is left alone, a failed deployment is released first (with `life`). Raises
    DriverUnsupported and DriverConflict before the first change where the plan cannot be had,
    DriverConflict where the machine is in another state or changed by somebody else, and what
    `MaasClient` raises.
    """
    if handle.kind != "machine":
        return
    desk = Desk(client, handle, "the disks", life)
    machine = await desk.opened()
    if machine is None:
        return
    uefi = machine["bios_boot_method"] == "uefi"
    layout = wanted_layout(handle.name, plan, machine["blockdevice_set"], uefi=uefi)
    reason = storagechanges.stray(layout, machine)
    if reason is None and storagechanges.is_bare(layout, machine):
        reason = "nothing on the disks"
    if reason is not None or storagechanges.next_change(layout, machine) is not None:
        # MAAS changes the disks of a machine that is Ready, and of no other.
        machine = await desk.released(machine)
    if reason is not None:
        machine = await _begun(client, layout, machine, reason)
    known = [machine]

    async def read() -> Document:
        return known.pop() if known else await desk.read_open()

    def next_change(document: Document) -> Change | None:
        if (left := storagechanges.stray(layout, document)) is not None:
            raise DriverConflict(
                f"{handle.name}: MAAS has {left}, which the design has not, also after its disks "
                "began anew: does somebody else change this machine?"
            )
        return storagechanges.next_change(layout, document)

    async def make(change: Change) -> Any:
        return await send(client, change)

    await reconcile(handle.name, read, next_change, make, storagechanges.absorb)


async def _begun(client: MaasClient, layout: Layout, machine: Document, reason: str) -> Document:
    """Return the machine after MAAS set its own layout."""
    if (change := storagechanges.boot_change(layout, machine)) is not None:
        await send(client, change)
    document: Document = await send(client, storagechanges.begin(layout, machine, reason))
    return document

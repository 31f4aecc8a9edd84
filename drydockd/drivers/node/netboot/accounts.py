"""What is known of a machine: its inventory, its logs, and what it was installed with."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from drydockd.drivers.base import Inventory, Log, NodeState
from drydockd.drivers.node.netboot import plandocs, views
from drydockd.drivers.node.netboot.machine import Machine
from drydockd.drivers.node.netboot.records import Machines
from drydockd.errors import DriverTransient, InvalidConfig, NodeUnknown, NotFound
from drydockd.images.catalogue import ImageCatalogue
from drydockd.installed import Installed, Sighting
from drydockd.machines import Document

LOG_OF = {"commission": "log-inspect", "deploy": "log-install"}
FORMATS = {"lshw": "text/xml"}


@dataclass(frozen=True, slots=True)
class Accounts:
    """Reads only. Raises of the store: StoreRefused for what is damaged."""

    machines: Machines
    catalogue: ImageCatalogue

    async def inventory(self, machine: Machine) -> Inventory:
        """Raises NodeUnknown for a machine that was never inspected."""
        names = inventory_of(machine.documents)
        if "lshw" not in names:
            raise NodeUnknown(f"{machine.label}: was never inspected")
        return await self._read(names)

    async def logs(self, machine: Machine, phase: str) -> Sequence[Log]:
        name = LOG_OF.get(phase, "")
        if name not in machine.documents:
            return []
        return [Log(phase, "agent", await self._text(machine.documents[name]))]

    async def discovered(self, name: str) -> Sequence[Document]:
        """The documents of the unadopted machine that lists call `name`; empty for others."""
        for machine in self.machines:
            if machine.name is None and views.handle(machine).name == name and machine.documents:
                return (await self.inventory(machine)).documents
        return ()

    async def installed(self, machine: Machine) -> Installed | None:
        """None for a machine that is not deployed."""
        if machine.state is not NodeState.DEPLOYED:
            return None
        kept, record = self.machines.plans(machine.mac), self.machines.install(machine.mac)
        platform = plandocs.platform_of(kept["platform"]) if "platform" in kept else None
        then, now = record.get("documents", {}), inventory_of(machine.documents)
        seen = await self._read(now) if now else None
        at_first = seen if then == now else await self._read(then) if then else None
        image = platform.image if platform else None
        return Installed(
            deployment_id=machine.deployment_id,
            platform=platform,
            storage=plandocs.storage_of(kept["storage"]) if "storage" in kept else None,
            network=plandocs.network_of(kept["network"]) if "network" in kept else None,
            image_digest=record.get("image"),
            catalogue_digest=await self._digest(image) if image else None,
            booted_params=machine.booted_params or None,
            then=Sighting(at_first, **record.get("seen", {})),
            now=Sighting(seen, **seen_of(machine)),
        )

    async def _digest(self, image: str) -> str | None:
        """The digest of the image that has this name now; None: there is none any more."""
        try:
            return (await asyncio.to_thread(self.catalogue.image, image)).sha256
        except NotFound:
            return None
        except InvalidConfig as error:
            raise DriverTransient(str(error)) from error

    async def _read(self, digests: Mapping[str, str]) -> Inventory:
        documents = [
            Document(name, FORMATS.get(name, "application/json"), await self._text(digest))
            for name, digest in digests.items()
        ]
        return Inventory(tuple(documents), identities=views.identities(documents))

    async def _text(self, digest: str) -> str:
        return (await self.machines.blob(digest)).decode(errors="replace")


def inventory_of(documents: Mapping[str, str]) -> dict[str, str]:
    """The digests of a machine's documents without those of its logs."""
    return {name: digest for name, digest in documents.items() if not name.startswith("log-")}


def seen_of(machine: Machine) -> dict[str, Any]:
    """What its record itself tells of it, as the fields of a Sighting."""
    return {
        "boot_mode": machine.firmware,
        "bmc_address": machine.power_address,
        "memory_mib": machine.memory_mib,
        "cpus": machine.cpus,
    }

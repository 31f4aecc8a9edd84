"""The installations under way: their plans in the store, their secrets in this life only."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import orjson

from drydockd.drivers.node.netboot import assembly, plandocs
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.accounts import inventory_of, seen_of
from drydockd.drivers.node.netboot.installplan import wire_form
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.records import INSTALLS, Machines, installed_name
from drydockd.drivers.node.netboot.target import first_boot
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverUnsupported,
    InvalidConfig,
    NotFound,
)
from drydockd.images.catalogue import Image, ImageCatalogue
from drydockd.images.proofs import Proofs
from drydockd.machines import NodeState
from drydockd.plans import DeploySpec


class Installs:
    """What machines are installed with; `report_url` is how installed ones reach the listener,
    `ca` the PEM text with which they check who that is, None without."""

    def __init__(
        self,
        machines: Machines,
        catalogue: ImageCatalogue,
        report_url: Callable[[], str],
        ca: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._machines = machines
        self._catalogue = catalogue
        self._proofs = Proofs(catalogue)
        # An image is hashed once, however many machines are to get it.
        self._proving = asyncio.Lock()
        self._report_url = report_url
        self._ca = ca
        # Of this life of the daemon: specs hold keys and are never stored.
        self._specs: dict[str, DeploySpec] = {}
        self._plans: dict[str, Mapping[str, Any]] = {}

    def join(self, mac: str, spec: DeploySpec) -> None:
        """Bring the spec of a deployment that was begun before, maybe in an earlier life."""
        self._specs[mac] = spec

    def leave(self, mac: str) -> None:
        """Drop the secrets of a deployment that is settled."""
        self._specs.pop(mac, None)

    def forget(self, mac: str) -> None:
        self._specs.pop(mac, None)
        self._plans.pop(mac, None)

    async def image(self, name: str | None) -> Image:
        """Raises DriverUnsupported naming those there are, DriverPersistent."""
        if not name:
            raise DriverUnsupported("platform.image is not set; netboot installs no default one")
        try:
            return await asyncio.to_thread(self._catalogue.image, name)
        except NotFound as error:
            raise DriverUnsupported(f"platform.image {name}: {error}") from error
        except InvalidConfig as error:
            raise DriverPersistent(str(error)) from error

    async def begin(
        self,
        machine: Machine,
        spec: DeploySpec,
        site: assembly.SiteWide,
        boot_mode: str | None = None,
    ) -> Machine:
        """Check and keep the whole plan, then let the machine's next start be the installation.

        `boot_mode` is that of the hardware profile: the agent writes nothing where it was
        started by another firmware.
        """
        applied = self._applied(machine)
        image = await self.image(spec.image)
        await self._prove(image)
        if boot_mode is not None and boot_mode not in image.firmware:
            raise DriverUnsupported(
                f"boot_mode {boot_mode}: image {image.name} starts by {', '.join(image.firmware)}"
            )
        name = machine.name or machine.mac
        plan = replace(assembly.assemble(name, applied, spec, image, site), firmware=boot_mode)
        stored = wire_form(plan)
        digest = await self._machines.put_blob(orjson.dumps(stored))
        self._specs[machine.mac] = spec
        self._plans[machine.mac] = stored
        async with self._machines.alone(machine.mac):
            begun = ways.begun(
                self._machines.needed(machine.mac),
                Phase.INSTALL,
                deployment_id=spec.deployment_id,
                plan=digest,
            )
            await self._machines.save(begun, *self._kept(begun, image, spec))
        return begun

    async def _prove(self, image: Image) -> None:
        """Raises DriverPersistent: what is damaged here would be known only after the wipe."""
        given_up = threading.Event()
        try:
            async with self._proving:
                await asyncio.to_thread(self._proofs.check, image, given_up.is_set)
        except (InvalidConfig, NotFound) as error:
            raise DriverPersistent(f"platform.image {image.name}: {error}") from error
        finally:
            given_up.set()

    def _kept(
        self, machine: Machine, image: Image, spec: DeploySpec
    ) -> tuple[dict[str, Mapping[str, Any] | None], dict[str, str]]:
        """Records and blobs: the plan, the image, and the machine as it is now, for later."""
        mac, documents = machine.mac, inventory_of(machine.documents)
        digests = {installed_name(mac, name): digest for name, digest in documents.items()}
        gone = [
            installed_name(mac, name) for name in self._machines.install(mac).get("documents", ())
        ]
        record = {
            "deployment_id": machine.deployment_id,
            "plan": machine.plan,
            "image": image.sha256,
            "documents": documents,
            "seen": seen_of(machine),
            "owner_data": dict(spec.owner_data),
        }
        records: dict[str, Mapping[str, Any] | None] = dict.fromkeys(gone)
        records |= {name: {"digest": digest} for name, digest in digests.items()}
        records[INSTALLS + mac] = record
        return records, {**digests, INSTALLS + mac: machine.plan or ""}

    def _applied(self, machine: Machine) -> assembly.Applied:
        kept = self._machines.plans(machine.mac)
        missing = [kind for kind in ("network", "storage", "platform") if kind not in kept]
        if missing:
            raise DriverConflict(f"{machine.label}: no {', '.join(missing)} plan was applied")
        return assembly.Applied(
            plandocs.network_of(kept["network"]),
            plandocs.storage_of(kept["storage"]),
            plandocs.platform_of(kept["platform"]),
        )

    async def load(self, machine: Machine) -> None:
        if machine.plan is not None and machine.state is NodeState.DEPLOYING:
            self._plans[machine.mac] = orjson.loads(await self._machines.blob(machine.plan))

    def told(self, machine: Machine, secret: str) -> Mapping[str, Any] | None:
        """The plan with its secrets; None until the task of this life has brought the spec."""
        spec, plan = self._specs.get(machine.mac), self._plans.get(machine.mac)
        if spec is None or plan is None or spec.deployment_id != machine.deployment_id:
            return None
        report = first_boot(self._report_url(), secret, self._ca())
        return assembly.with_secrets(plan, spec.boot, report)

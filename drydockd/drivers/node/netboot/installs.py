"""The installations under way: their plans in the store, their secrets in this life only."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from drydockd.drivers.node.netboot import assembly, plandocs
from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.installplan import wire_form
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.records import INSTALLS, Machines
from drydockd.drivers.node.netboot.target import first_boot
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverUnsupported,
    InvalidConfig,
    NotFound,
)
from drydockd.images.catalogue import Image, ImageCatalogue
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

    async def begin(self, machine: Machine, spec: DeploySpec, site: assembly.SiteWide) -> Machine:
        """Check and keep the whole plan, then let the machine's next start be the installation."""
        applied = self._applied(machine)
        image = await self.image(spec.image)
        plan = assembly.assemble(machine.name or machine.mac, applied, spec, image, site)
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
            name = INSTALLS + machine.mac
            record = {"deployment_id": spec.deployment_id, "plan": digest}
            await self._machines.save(begun, {name: record}, {name: digest})
        return begun

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

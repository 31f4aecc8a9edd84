"""What a provisioner knows of a machine that it installed: what for, then and now. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field

from drydockd.machines import Inventory
from drydockd.plans import NetworkPlan, PlatformPlan, StoragePlan


@dataclass(frozen=True, slots=True)
class Sighting:
    """A machine as its provisioner saw it once; None or 0: it does not tell.

    `boot_mode` is ``uefi`` or ``bios``, as the machine started.
    """

    inventory: Inventory | None = None
    boot_mode: str | None = None
    bmc_address: str | None = None
    memory_mib: int = 0
    cpus: int = 0


@dataclass(frozen=True, slots=True)
class Installed:
    """A deployed machine: the plans it was installed by, and what was seen of it.

    `then` is the machine at its deployment, `now` at its last inspection. `image_digest` is that
    of the image it was installed with, `catalogue_digest` that of the image which has this name
    now. `booted_params` is the command line that the installed system's kernel reported. None:
    the provisioner does not tell.
    """

    deployment_id: str | None = None
    platform: PlatformPlan | None = None
    storage: StoragePlan | None = None
    network: NetworkPlan | None = None
    image_digest: str | None = None
    catalogue_digest: str | None = None
    booted_params: str | None = None
    then: Sighting = field(default_factory=Sighting)
    now: Sighting = field(default_factory=Sighting)

"""The seam between the fake drivers and a room, in this process or in another one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from drydockd.installed import Installed
from drydockd.machines import BmcFacts, Document, Log, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.room.card import MachineView, NodeCard


class RoomPort(Protocol):
    """What a room does for others; all methods raise DriverErrors.

    Calls that start work return at once with the machine as it then is; `changed` waits.
    All may be repeated: work that runs is joined, work that is done is not done again.
    """

    async def bmc_boot(self, card: NodeCard, device: str) -> MachineView:
        """Set the device of the next start, ``network`` or ``disk``."""
        ...

    async def bmc_power(self, card: NodeCard, wanted: PowerState | None = None) -> MachineView:
        """Read the power state, or begin to change it."""
        ...

    async def bmc_facts(self, card: NodeCard) -> BmcFacts:
        """What the BMC tells of itself and its machine."""
        ...

    async def find(self, card: NodeCard) -> MachineView:
        """Raises NodeUnknown if the provisioner never saw the node's machine."""
        ...

    async def adopt(self, machine: str, card: NodeCard) -> MachineView: ...

    async def enrol(self, card: NodeCard) -> MachineView:
        """Adopt the node's machine, seen or not. DriverPersistent if the room has none for it."""
        ...

    async def commission(self, machine: str) -> MachineView: ...

    async def deploy(self, machine: str, spec: DeploySpec) -> MachineView: ...

    async def destroy(self, card: NodeCard) -> MachineView | None:
        """Begin to wipe; None if there is nothing to wipe."""
        ...

    async def apply_network(self, machine: str, plan: NetworkPlan) -> None: ...

    async def apply_storage(self, machine: str, plan: StoragePlan) -> None: ...

    async def apply_platform(self, machine: str, plan: PlatformPlan) -> None: ...

    async def inventory(self, machine: str) -> list[Document]: ...

    async def installed(self, card: NodeCard) -> Installed | None:
        """What the node's machine was deployed with, and what it is now; None: not deployed."""
        ...

    async def logs(self, machine: str, phase: str) -> list[Log]: ...

    async def machines(self) -> list[MachineView]:
        """Every machine of the room, also those the provisioner has not seen."""
        ...

    async def count(self) -> int:
        """How many machines there are: whether the room answers, whatever its size."""
        ...

    async def catalogue(self) -> Mapping[str, tuple[str, ...]]: ...

    async def keep(
        self, kind: str, entries: Mapping[str, str], remove_unlisted: bool = False
    ) -> Mapping[str, str]:
        """Reconcile site objects of a kind; name -> ``created updated unchanged removed``."""
        ...

    async def relabel(self, node: str, labels: Mapping[str, str]) -> None: ...

    async def labels(self, node: str) -> Mapping[str, str]: ...

    async def changed(self, machine: str, after: int) -> MachineView:
        """Return the machine once its revision is beyond `after`; waits as long as it takes."""
        ...

    async def close(self) -> None: ...


# What changes something; of `bmc_power` only where a state is wanted.
ACTS = frozenset(
    {
        "bmc_boot",
        "bmc_power",
        "adopt",
        "enrol",
        "commission",
        "deploy",
        "destroy",
        "apply_network",
        "apply_storage",
        "apply_platform",
        "keep",
        "relabel",
    }
)


def is_act(name: str, arguments: Mapping[str, object]) -> bool:
    """Whether the operation `name` changes something."""
    return name in ACTS and (name != "bmc_power" or arguments.get("wanted") is not None)


# What crosses a wire; `changed` travels as a feed of all machines, see `remote`.
OPERATIONS: Sequence[str] = (
    "bmc_boot",
    "bmc_power",
    "bmc_facts",
    "find",
    "adopt",
    "enrol",
    "commission",
    "deploy",
    "destroy",
    "apply_network",
    "apply_storage",
    "apply_platform",
    "inventory",
    "installed",
    "logs",
    "machines",
    "count",
    "catalogue",
    "keep",
    "relabel",
    "labels",
)

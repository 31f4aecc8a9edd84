"""Machines that do everything at once, for benchmarks: what is left is what a daemon costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from drydockd.drivers.base import Discovery, Handle, NodeRow, SiteNote, Voice
from drydockd.errors import NodeUnknown
from drydockd.machines import BmcFacts, Document, Inventory, Log, NodeState, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

# What the site of bench.storm names, as ``lshw -xml`` tells it.
LSHW = Document(
    "lshw",
    "application/xml",
    """<list><node id="instant" class="system"><node id="pci" class="bridge">
<node id="network:0" class="network" handle="PCI:0000:01:00.0">
<businfo>pci@0000:01:00.0</businfo><logicalname>eno1</logicalname></node>
<node id="storage" class="storage"><node id="disk:0" class="disk" handle="SCSI:0:2.0.0">
<businfo>scsi@0:2.0.0</businfo><logicalname>/dev/sda</logicalname>
<size units="bytes">480103981056</size></node></node></node></node></list>
""",
)
IMAGES = {"jammy": ("ga-22.04", "hwe-22.04")}


class InstantOob:
    """An OobDriver whose machines switch as they are told."""

    oob_types = ("ipmi",)
    ask_seconds = 1.0
    worst_case_seconds = 1.0

    async def check(self) -> None: ...

    async def set_network_boot(self, node: Node, voice: Voice) -> None: ...

    async def set_disk_boot(self, node: Node, voice: Voice) -> None: ...

    async def facts(self, node: Node) -> BmcFacts:
        return BmcFacts("instant", PowerState.ON)

    async def power_state(self, node: Node) -> PowerState:
        return PowerState.ON

    async def power_off(self, node: Node, voice: Voice) -> None:
        await voice.say(f"{node.name}: power is off")

    async def power_on(self, node: Node, voice: Voice) -> None:
        await voice.say(f"{node.name}: power is on")

    async def close(self) -> None: ...


class InstantNodes:
    """A NodeProvisioner; it does not know a node when it is asked for the first time."""

    discovers = Discovery.NETBOOT
    boot_reserve = 0
    cuts_power = False

    def __init__(self) -> None:
        self._nodes: dict[str, Handle] = {}

    async def check(self) -> Sequence[SiteNote]:
        return []

    async def catalogue(self) -> Catalogue:
        return Catalogue(IMAGES)

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        return []

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]:
        return []

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]:
        return []

    async def find(self, node: Node) -> Handle:
        if node.name in self._nodes:
            return self._nodes[node.name]
        self._nodes[node.name] = Handle(node.name, node.name, NodeState.NEW)
        raise NodeUnknown(f"{node.name} is not known")

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        return handle or self._nodes[node.name]

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        return self._now(handle, NodeState.READY)

    async def inventory(self, handle: Handle) -> Inventory:
        return Inventory((LSHW,))

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]:
        return [Log(phase, "all", f"{handle.name}: {phase} went well")]

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None: ...

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None: ...

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None: ...

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        return self._now(handle, NodeState.DEPLOYED)

    async def destroy(self, node: Node, voice: Voice) -> None:
        self._nodes.pop(node.name, None)

    async def list_nodes(self) -> Sequence[NodeRow]:
        return []

    async def capabilities(self) -> frozenset[str]:
        return frozenset()

    async def close(self) -> None: ...

    def _now(self, handle: Handle, state: NodeState) -> Handle:
        changed = self._nodes[handle.name] = replace(handle, state=state)
        return changed


class InstantLabels:
    """A KubernetesDriver that agrees."""

    async def check(self) -> None: ...

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None: ...

    async def close(self) -> None: ...

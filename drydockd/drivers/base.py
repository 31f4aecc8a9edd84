"""The seams to BMCs, node provisioners and Kubernetes, and the types they speak.

A driver never sees the store or the scheduler: it gets a node and a voice, does its work
and returns, or raises one of the DriverErrors of `errors`. Right before each request that changes
something it asks `acting.may_act`, at each attempt. No method blocks the loop
(blocking libraries run in threads with their own timeout set), and cancelling a call
leaves the backend in a state from which it can be resumed. Options of a driver are the
keyword arguments of its class. Source: contract, oob, node-provisioner and kubernetes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from drydockd.installed import Installed
from drydockd.machines import BmcFacts, Document, Inventory, Log, NodeState, PowerState
from drydockd.plans import DeploySpec, NetworkPlan, PlatformPlan, StoragePlan
from drydockd.site import Catalogue, Network, NetworkLink, Node, Repository

__all__ = [
    "BmcFacts",
    "Discovery",
    "Driver",
    "Handle",
    "Installed",
    "Inventory",
    "KubernetesDriver",
    "Log",
    "NodeProvisioner",
    "NodeRow",
    "NodeState",
    "OobDriver",
    "PowerState",
    "Resident",
    "ServiceAccount",
    "SessionEnder",
    "Shelf",
    "SiteNote",
    "Surroundings",
    "Teller",
    "Voice",
]


class Voice(Protocol):
    """A driver's way to say what it does; ends as a status message of the node's subtask."""

    async def say(self, text: str, *, error: bool = False) -> None: ...

    async def fence(self, session: str) -> None:
        """Note durably, with the intent of the call at hand, in which session it is made.

        For backends whose sessions can be ended from outside: whoever takes the work over ends
        this one before its own first act. Call it before the first request that changes
        something. Source: contract, scale, section 6.
        """
        ...


class Shelf(Protocol):
    """What a driver keeps over restarts: JSON objects by name, in the daemon's own store."""

    def records(self) -> Mapping[str, Mapping[str, Any]]:
        """All of them, in the order in which they were first put; from memory."""
        ...

    def record(self, name: str) -> Mapping[str, Any] | None: ...

    async def put(
        self,
        documents: Mapping[str, Mapping[str, Any] | None],
        blobs: Mapping[str, str] | None = None,
    ) -> None:
        """Insert, replace or (None) remove, all together or not at all; durable on return.

        `blobs`: the digest of the blob that a record names, and so keeps from being swept.
        Raises StoreUnavailable: nothing changed.
        """
        ...

    async def put_blob(self, content: bytes) -> str:
        """Keep `content`, durable; return its SHA-256 in hex. Twice is free."""
        ...

    async def blob(self, digest: str) -> bytes:
        """Raises NotFound, StoreRefused (damaged)."""
        ...


class ServiceAccount(Protocol):
    """drydockd's own account at Keystone, for backends that are found and spoken to with it."""

    async def token(self) -> str:
        """Return a valid token. Raises Unavailable; safe to call often, tokens are kept."""
        ...

    def forget(self) -> None:
        """Drop the token kept, because a service refused it. Safe to call twice."""
        ...

    async def endpoint(
        self, service_type: str, *, interface: str, region: str | None = None
    ) -> str | None:
        """Return a service's whole URL from the catalogue of the token, None if it has none.

        Raises Unavailable.
        """
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a resident driver is given when the daemon starts.

    `secret` is its own, derived from the server's. `oob_for` returns the out-of-band driver of a
    node and raises DriverUnsupported where there is none. `account` is None where no Keystone is
    configured.
    """

    shelf: Shelf
    secret: bytes = field(repr=False)
    oob_for: Callable[[Node], OobDriver]
    account: ServiceAccount | None = None


@runtime_checkable
class Resident(Protocol):
    """A driver that works between the calls too: keeps records, listens, watches a child."""

    async def start(self, surroundings: Surroundings) -> None:
        """Called once, before the first task goes on. Raises InvalidConfig: what, where.

        Where several daemons share the store every one calls it, and the shelf shows what the
        others put on it; only the runner's driver puts.
        """
        ...


@runtime_checkable
class Leader(Protocol):
    """A resident of which one may be at work: it listens, has a child, or memory that counts."""

    async def lead(self) -> None:
        """Called once after `start`, before the first task goes on, at the runner alone.

        From then on nobody else puts on the shelf. Until then only what the shelf tells is to
        be answered. Raises InvalidConfig: what, where.
        """
        ...


@runtime_checkable
class Certified(Protocol):
    """A driver that serves with a certificate of its own, which can be renewed while it works."""

    def served(self) -> Mapping[str, tuple[Path, bytes]]:
        """Return each option that names one, its file, and the PEM text that is in use."""
        ...

    def renewal(self) -> Callable[[], None]:
        """Read the files again; the returned call takes them. Raises InvalidConfig, and then
        nothing has changed."""
        ...


class OobDriver(Protocol):
    """Out-of-band control. All node methods: DriverTransient, DriverPersistent, DriverLimit.

    The power cycle of the contract (off, verify, on, verify) is composed by the task step
    from `power_off` and `power_on`, so that each half has its own durable intent record.
    `ask_seconds` is the longest that `facts` takes, also from a BMC that never answers;
    `worst_case_seconds` the longest of a whole power cycle.
    """

    oob_types: tuple[str, ...]
    ask_seconds: float
    worst_case_seconds: float

    async def check(self) -> None:
        """Is the driver itself usable? Raises DriverError."""
        ...

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        """Make the next start a network boot; returns once read back. Safe to repeat."""
        ...

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        """Make the next start a boot from disk; returns once read back. Safe to repeat."""
        ...

    async def facts(self, node: Node) -> BmcFacts:
        """All that the BMC tells, in one operation. Read-only; what is missing is None."""
        ...

    async def power_state(self, node: Node) -> PowerState:
        """Any answer of the BMC, also UNKNOWN, proves that it is reachable."""
        ...

    async def power_off(self, node: Node, voice: Voice) -> None:
        """Hard off; returns when the BMC reads off. No-op when already off."""
        ...

    async def power_on(self, node: Node, voice: Voice) -> None:
        """On; returns when the BMC reads on. No-op when already on."""
        ...

    async def close(self) -> None: ...


@runtime_checkable
class SessionEnder(Protocol):
    """What an OobDriver that calls `Voice.fence` can do besides."""

    async def end_session(self, node: Node, session: str, voice: Voice) -> None:
        """End `session`, noted by `fence` in a daemon that is gone, so that nothing of it comes.

        Says what became of it; somebody else's, and one that is gone, is left alone. Safe to
        repeat. Raises DriverTransient, DriverPersistent, DriverConflict where the BMC cannot be
        asked.
        """
        ...


@dataclass(frozen=True, slots=True)
class Handle:
    """The backend's node. `kind`: ``machine``, or ``infrastructure`` (never touched).

    `deployment_id` is that of the DeploySpec it was last deployed with, if known.
    `final_failure` is why its work failed, where the same work would fail again.
    """

    id: str
    name: str
    state: NodeState
    boot_mac: str | None = None
    boot_ip: str | None = None
    power_address: str | None = None
    kind: str = "machine"
    deployment_id: str | None = None
    final_failure: str | None = None


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One line of GET /nodes; `memory` in MiB; contract, api, section 5.

    `power_seen`: when `power_state` was last true, ISO 8601, where the provisioner does not
    look anew for each list. None: it is of now, or unknown.
    """

    hostname: str
    memory: int
    cpu_count: int
    status_name: str
    boot_mac: str | None
    boot_ip: str | None
    power_state: str
    power_address: str | None
    power_seen: str | None = None


@dataclass(frozen=True, slots=True)
class SiteNote:
    """What a site-wide step has to say about one entity."""

    text: str
    error: bool = False
    context_type: str = "NA"
    context: str = "NA"


class Discovery(StrEnum):
    """How a provisioner comes to know a node: it boots from it, or is told of it."""

    NETBOOT = "netboot"
    ENROL = "enrol"


class NodeProvisioner(Protocol):
    """A node provisioner; contract, node-provisioner, section 2.

    `discovers` decides what prepare_nodes does with a node that is unknown. NETBOOT: the
    OOB driver makes it boot from the network, then it is found. ENROL: it is adopted from what
    the design says, and the backend owns its power: no OOB driver touches it.

    A node in state deployed is changed only by `destroy`. Waiting methods (`commission`,
    `deploy`, `destroy`) return at the end of the work; the caller bounds them.

    `boot_reserve` are the bytes it needs for itself on the disk a machine starts from.
    `cuts_power`: `commission`, `deploy` and `destroy` switch the machine through its OOB driver.
    """

    discovers: Discovery
    cuts_power: bool
    boot_reserve: int

    async def check(self) -> Sequence[SiteNote]:
        """Verdict per service. An error note fails verify_site. Bounded, read-only."""
        ...

    async def catalogue(self) -> Catalogue:
        """Images and their kernels. Raises DriverTransient."""
        ...

    async def capabilities(self) -> frozenset[str]:
        """Feature names of contract, node-provisioner, section 5."""
        ...

    async def apply_site_network(
        self, links: Mapping[str, NetworkLink], networks: Mapping[str, Network]
    ) -> Sequence[SiteNote]:
        """Reconcile; touches only its own objects."""
        ...

    async def apply_keys(self, keys: Sequence[str]) -> Sequence[SiteNote]: ...

    async def apply_repositories(
        self, repositories: Sequence[Repository], *, remove_unlisted: bool
    ) -> Sequence[SiteNote]: ...

    async def find(self, node: Node) -> Handle:
        """Read-only. NodeUnknown only if the backend certainly does not know the node."""
        ...

    async def adopt(self, handle: Handle | None, node: Node) -> Handle:
        """Give the found machine the node's name. DriverConflict if its identity disagrees.

        `handle` is None for a node that was not found, only where one enrols: make it known.
        Safe to repeat.
        """
        ...

    async def commission(self, handle: Handle, voice: Voice) -> Handle:
        """Return when ready; joins a running one, no-op if ready or later."""
        ...

    async def inventory(self, handle: Handle) -> Inventory:
        """Devices, or an ``lshw`` document to read them from. NodeUnknown if never commissioned."""
        ...

    async def logs(self, handle: Handle, phase: str) -> Sequence[Log]: ...

    async def apply_network(self, handle: Handle, plan: NetworkPlan) -> None:
        """From scratch each time; no-op if deployed. DriverUnsupported, DriverConflict."""
        ...

    async def apply_storage(self, handle: Handle, plan: StoragePlan) -> None: ...

    async def apply_platform(self, handle: Handle, plan: PlatformPlan) -> None: ...

    async def deploy(self, handle: Handle, spec: DeploySpec, voice: Voice) -> Handle:
        """Return when deployed. Deployed: no-op; deploying: join; failed_deploy: release first."""
        ...

    async def destroy(self, node: Node, voice: Voice) -> None:
        """Wipe and forget. Not found is fine, releasing is joined; keeps the node if it failed."""
        ...

    async def list_nodes(self) -> Sequence[NodeRow]: ...

    async def close(self) -> None: ...


@runtime_checkable
class Discoverer(Protocol):
    """What a NodeProvisioner that keeps inventories of machines nobody adopted can do besides."""

    async def discovered(self, name: str) -> Sequence[Document]:
        """Return the documents of the unadopted machine that `list_nodes` calls `name`; empty
        for others, which have build data of their own."""
        ...


@runtime_checkable
class Teller(Protocol):
    """What a NodeProvisioner that remembers what it installed can do besides."""

    async def installed(self, node: Node) -> Installed | None:
        """Return what is known of the deployed machine of `node`; None: it is not deployed.

        Read-only: other than after `find`, nobody waits for a machine that is unknown. Raises
        DriverTransient, DriverPersistent, DriverConflict.
        """
        ...


class KubernetesDriver(Protocol):
    async def check(self) -> None:
        """Does the cluster answer, and may we label nodes? Read-only. Raises DriverError."""
        ...

    async def relabel(self, node_name: str, labels: Mapping[str, str]) -> None:
        """Make `labels` the node's labels; the caller has checked their syntax.

        Raises DriverTransient, DriverPersistent, NodeUnknown.
        """
        ...

    async def close(self) -> None: ...


Driver = OobDriver | NodeProvisioner | KubernetesDriver

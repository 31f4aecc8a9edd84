"""A machine as MAAS tells it, and what its words mean here.

Of each answer only what is used is kept; fields that newer versions add are ignored.
Source: contract, maas, section 3, and node-provisioner, section 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drydockd.drivers.base import Handle, NodeRow
from drydockd.machines import NodeState, canonical_mac

# The exact words of `status_name`; whatever else there is belongs to somebody else.
STATES: Mapping[str, NodeState] = {
    "New": NodeState.NEW,
    "Commissioning": NodeState.COMMISSIONING,
    "Testing": NodeState.COMMISSIONING,
    "Ready": NodeState.READY,
    "Allocated": NodeState.READY,
    "Deploying": NodeState.DEPLOYING,
    "Deployed": NodeState.DEPLOYED,
    "Releasing": NodeState.RELEASING,
    "Disk erasing": NodeState.RELEASING,
    "Failed commissioning": NodeState.FAILED_COMMISSION,
    "Failed testing": NodeState.FAILED_COMMISSION,
    "Failed deployment": NodeState.FAILED_DEPLOY,
    "Releasing failed": NodeState.FAILED_RELEASE,
    "Failed disk erasing": NodeState.FAILED_RELEASE,
    "Broken": NodeState.BROKEN,
}
ALLOCATED = "Allocated"
# The workload annotation that tells one deployment from another.
DEPLOYMENT = "drydock-deployment"
MACHINE, INFRASTRUCTURE = "machine", "infrastructure"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine or rack controller. `macs` are lower case; `status` is the word of MAAS."""

    sid: str
    hostname: str
    domain: str
    status: str
    owner: str | None = None
    message: str = ""
    kind: str = MACHINE
    macs: frozenset[str] = frozenset()
    boot_mac: str | None = None
    boot_ip: str | None = None
    architecture: str = ""
    tags: frozenset[str] = frozenset()
    annotations: Mapping[str, str] = field(default_factory=dict)
    power_state: str = "unknown"
    memory: int = 0
    cpu_count: int = 0

    @property
    def state(self) -> NodeState:
        return STATES.get(self.status, NodeState.FOREIGN)

    @property
    def fqdn(self) -> str:
        return f"{self.hostname}.{self.domain}" if self.domain else self.hostname

    def __str__(self) -> str:
        return f"{self.fqdn} ({self.sid})"

    def handle(self, power_address: str | None = None) -> Handle:
        return Handle(
            id=self.sid,
            name=self.hostname,
            state=self.state,
            boot_mac=self.boot_mac,
            boot_ip=self.boot_ip,
            power_address=power_address,
            kind=self.kind,
            deployment_id=self.annotations.get(DEPLOYMENT),
        )

    def row(self, power_address: str | None) -> NodeRow:
        return NodeRow(
            hostname=self.hostname,
            memory=self.memory,
            cpu_count=self.cpu_count,
            status_name=self.status,
            boot_mac=self.boot_mac,
            boot_ip=self.boot_ip,
            power_state=self.power_state,
            power_address=power_address,
        )


def read(document: Mapping[str, Any], kind: str = MACHINE) -> Machine:
    """Return the machine of one entry of ``machines/`` or ``rackcontrollers/``."""
    boot = document.get("boot_interface") or {}
    interfaces = document.get("interface_set") or []
    macs = (canonical_mac(str(nic.get("mac_address") or "")) for nic in (boot, *interfaces))
    annotations = document.get("workload_annotations") or document.get("owner_data") or {}
    return Machine(
        sid=str(document["system_id"]),
        hostname=str(document.get("hostname") or ""),
        domain=str((document.get("domain") or {}).get("name") or ""),
        status=str(document.get("status_name") or ""),
        owner=document.get("owner") or None,
        message=str(document.get("status_message") or ""),
        kind=kind,
        macs=frozenset(mac for mac in macs if mac),
        boot_mac=canonical_mac(str(boot.get("mac_address") or "")),
        boot_ip=_first_address(boot),
        architecture=str(document.get("architecture") or ""),
        tags=frozenset(map(str, document.get("tag_names") or ())),
        annotations={str(key): str(value) for key, value in annotations.items()},
        power_state=str(document.get("power_state") or "unknown"),
        memory=int(document.get("memory") or 0),
        cpu_count=int(document.get("cpu_count") or 0),
    )


def _first_address(interface: Mapping[str, Any]) -> str | None:
    for link in interface.get("links") or ():
        if address := link.get("ip_address"):
            return str(address)
    return None

"""A node as Ironic has it, and what its state means here. Pure.

Source: contract, ironic, section 4; Ironic, "State Machine".
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from drydockd.drivers.base import Handle, NodeRow
from drydockd.drivers.node.ironic.answers import plain
from drydockd.machines import STATUS_NAMES, NodeState

# Where we keep in Ironic's node what is ours: `extra` of a node, under this key.
MARK = "drydock"
# All that is asked of a node. Passwords in driver_info come as asterisks; only addresses are read.
FIELDS = (
    "uuid", "name", "provision_state", "target_provision_state", "reservation", "maintenance",
    "maintenance_reason", "fault", "last_error", "owner", "lessee", "instance_uuid",
    "automated_clean", "extra", "driver", "driver_info", "properties", "power_state",
)  # fmt: skip
ADDRESSES = ("redfish_address", "ipmi_address", "drac_address", "irmc_address", "ilo_address")
CLEAN_FAULT = "clean failure"

STATES = {
    "enroll": NodeState.NEW,
    "verifying": NodeState.NEW,
    "manageable": NodeState.NEW,
    "adopting": NodeState.NEW,
    "inspecting": NodeState.COMMISSIONING,
    "inspect wait": NodeState.COMMISSIONING,
    "cleaning": NodeState.COMMISSIONING,
    "clean wait": NodeState.COMMISSIONING,
    "clean hold": NodeState.COMMISSIONING,
    "servicing": NodeState.COMMISSIONING,
    "service wait": NodeState.COMMISSIONING,
    "service hold": NodeState.COMMISSIONING,
    "available": NodeState.READY,
    "deploying": NodeState.DEPLOYING,
    "wait call-back": NodeState.DEPLOYING,
    "deploy hold": NodeState.DEPLOYING,
    "active": NodeState.DEPLOYED,
    "deleting": NodeState.RELEASING,
    "inspect failed": NodeState.FAILED_COMMISSION,
    "clean failed": NodeState.FAILED_COMMISSION,
    "adopt failed": NodeState.FAILED_COMMISSION,
    "deploy failed": NodeState.FAILED_DEPLOY,
    "error": NodeState.FAILED_RELEASE,
}
# A cleaning that a destroy began is part of the release.
AFTER_RELEASE = {
    "cleaning": NodeState.RELEASING,
    "clean wait": NodeState.RELEASING,
    "clean hold": NodeState.RELEASING,
    "clean failed": NodeState.FAILED_RELEASE,
}
# What has an instance: somebody's deployment, so it must say that it is ours.
OCCUPIED = (NodeState.DEPLOYING, NodeState.DEPLOYED, NodeState.FAILED_DEPLOY)
# Waits that end by themselves; Ironic locks the node besides.
BUSY = frozenset(
    {
        "verifying", "inspecting", "inspect wait", "cleaning", "clean wait", "clean hold",
        "deploying", "wait call-back", "deploy hold", "deleting", "adopting",
        "servicing", "service wait", "service hold",
    }
)  # fmt: skip


def instance_of(deployment_id: str) -> str:
    """Return the instance UUID of a deployment: its id, or one made of it where that is none."""
    try:
        return str(uuid.UUID(deployment_id))
    except ValueError:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"drydock:{deployment_id}"))


@dataclass(frozen=True, slots=True)
class IronicNode:
    """`mark` is what `extra` holds of ours; `power_address` is without account and path."""

    id: str
    name: str
    provision: str
    reservation: str | None = None
    maintenance: str | None = None
    fault: str | None = None
    last_error: str = ""
    owners: tuple[str, ...] = ()
    instance: str | None = None
    automated_clean: bool | None = None
    power: str = "unknown"
    power_address: str | None = None
    memory_mib: int = 0
    cpus: int = 0
    mark: Mapping[str, Any] = field(default_factory=dict)

    @property
    def deployment_id(self) -> str | None:
        found = self.mark.get("deployment_id")
        return str(found) if found else None

    @property
    def is_releasing(self) -> bool:
        return bool(self.mark.get("releasing"))

    @property
    def is_at_rest(self) -> bool:
        """Whether it waits for somebody to tell it something."""
        return self.reservation is None and self.provision not in BUSY

    def neutral(self) -> NodeState:
        """Return the state, whoever's node it is; FOREIGN for those nobody should touch."""
        if self.is_releasing and self.provision in AFTER_RELEASE:
            return AFTER_RELEASE[self.provision]
        return STATES.get(self.provision, NodeState.FOREIGN)

    def foreign(self, ours: frozenset[str]) -> str | None:
        """Return why the node is not to be touched, None for one of ours.

        `ours` are the owners whose nodes we may use.
        """
        state = self.neutral()
        strangers = [owner for owner in self.owners if owner not in ours]
        if self.maintenance is not None and not self._failed_cleaning():
            return f"it is in maintenance ({self.maintenance or 'no reason given'})"
        if strangers:
            return f"its owner or lessee is {', '.join(strangers)} (see ironic_driver.owner)"
        if self.instance and self.instance != self._own_instance():
            return f"it has the instance {self.instance}, which is none of drydockd's"
        if state in OCCUPIED and self.deployment_id is None:
            return f"it is {self.provision}, and drydockd did not deploy it"
        if state is NodeState.FOREIGN:
            return f"it is {self.provision}"
        return None

    def state(self, ours: frozenset[str]) -> NodeState:
        return NodeState.FOREIGN if self.foreign(ours) else self.neutral()

    def handle(self, ours: frozenset[str], boot_mac: str | None = None) -> Handle:
        return Handle(
            id=self.id,
            name=self.name,
            state=self.state(ours),
            boot_mac=boot_mac,
            power_address=self.power_address,
            deployment_id=self.deployment_id,
        )

    def row(self, ours: frozenset[str], boot_mac: str | None) -> NodeRow:
        return NodeRow(
            hostname=self.name,
            memory=self.memory_mib,
            cpu_count=self.cpus,
            status_name=STATUS_NAMES[self.state(ours)],
            boot_mac=boot_mac,
            boot_ip=None,
            power_state=self.power,
            power_address=self.power_address,
        )

    def _own_instance(self) -> str | None:
        return instance_of(self.deployment_id) if self.deployment_id else None

    def _failed_cleaning(self) -> bool:
        """Ironic puts a node whose cleaning failed into maintenance itself."""
        return self.provision == "clean failed" and self.fault == CLEAN_FAULT


def parse(document: Mapping[str, Any]) -> IronicNode:
    """Return the node of one answer that has FIELDS; what is missing or odd counts as not told."""
    extra = document.get("extra") or {}
    mark = extra.get(MARK) if isinstance(extra, Mapping) else None
    properties = document.get("properties") or {}
    owners = (document.get("owner"), document.get("lessee"))
    is_out = bool(document.get("maintenance"))
    power = str(document.get("power_state") or "")
    return IronicNode(
        id=str(document["uuid"]),
        name=str(document.get("name") or document["uuid"]),
        provision=str(document.get("provision_state") or "available"),
        reservation=document.get("reservation") or None,
        maintenance=plain(document.get("maintenance_reason")) if is_out else None,
        fault=document.get("fault"),
        last_error=plain(document.get("last_error")),
        owners=tuple(str(owner) for owner in owners if owner),
        instance=document.get("instance_uuid") or None,
        automated_clean=document.get("automated_clean"),
        power={"power on": "on", "power off": "off"}.get(power, "unknown"),
        power_address=_power_address(document.get("driver_info") or {}),
        memory_mib=_number(properties.get("memory_mb")),
        cpus=_number(properties.get("cpus")),
        mark=mark if isinstance(mark, Mapping) else {},
    )


def _power_address(info: Mapping[str, Any]) -> str | None:
    for key in ADDRESSES:
        if info.get(key):
            host = str(info[key]).rpartition("://")[2].partition("/")[0]
            return host.rpartition("@")[2]
    return None


def _number(value: object) -> int:
    text = str(value or "")
    return int(text) if text.isdecimal() and len(text) < 12 else 0

"""What is said about machines by those who see them: states, documents, logs. Pure data.

Drivers and the virtual machine room speak these words, and neither imports the other for them.
Source: contract, oob and node-provisioner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PowerState(StrEnum):
    ON = "on"
    OFF = "off"
    UNKNOWN = "unknown"


class NodeState(StrEnum):
    """Neutral states of a provisioner's node; contract, node-provisioner, section 3."""

    NEW = "new"
    COMMISSIONING = "commissioning"
    READY = "ready"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    RELEASING = "releasing"
    FAILED_COMMISSION = "failed_commission"
    FAILED_DEPLOY = "failed_deploy"
    FAILED_RELEASE = "failed_release"
    BROKEN = "broken"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Inventory:
    """One document about a node: `generator` ``lshw`` (XML, always present), ``lldp`` ..."""

    generator: str
    data_format: str
    text: str


@dataclass(frozen=True, slots=True)
class Log:
    """One log; `phase` is ``commission``, ``testing`` or ``deploy``."""

    phase: str
    name: str
    text: str

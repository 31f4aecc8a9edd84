"""What is said about machines by those who see them: states, documents, logs. Pure data.

Drivers and the virtual machine room speak these words, and neither imports the other for them.
Source: contract, oob and node-provisioner.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_MAC = re.compile(
    r"(?:[0-9a-f]{1,2}:){5}[0-9a-f]{1,2}|(?:[0-9a-f]{1,2}-){5}[0-9a-f]{1,2}"
    r"|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}|[0-9a-f]{6}[-:][0-9a-f]{6}|[0-9a-f]{12}"
)


def canonical_mac(text: str) -> str | None:
    """Return a MAC address as ``52:54:00:aa:bb:01``, whatever notation it came in; None if it
    is none.

    Colons, hyphens, Cisco's ``5254.00aa.bb01`` and bare digits are read, in either case, also
    octets without their leading zero. The one parser of the program.
    """
    text = text.strip().lower()
    if _MAC.fullmatch(text) is None:
        return None
    octets = re.split("[-:]", text)
    if len(octets) != 6:
        digits = re.sub("[-:.]", "", text)
        octets = [digits[at : at + 2] for at in range(0, 12, 2)]
    return ":".join(octet.zfill(2) for octet in octets)


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


# The words of MAAS, which clients of the original show; contract, node-provisioner, section 3.
STATUS_NAMES = {
    NodeState.NEW: "New",
    NodeState.COMMISSIONING: "Commissioning",
    NodeState.READY: "Ready",
    NodeState.DEPLOYING: "Deploying",
    NodeState.DEPLOYED: "Deployed",
    NodeState.RELEASING: "Releasing",
    NodeState.FAILED_COMMISSION: "Failed commissioning",
    NodeState.FAILED_DEPLOY: "Failed deployment",
    NodeState.FAILED_RELEASE: "Releasing failed",
    NodeState.BROKEN: "Broken",
    NodeState.FOREIGN: "Reserved",
}


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a machine; `kind` is ``network``, ``disk`` or ``other``.

    `names` are its OS names without ``/dev/``, the usual one first. `businfo` is bus and address
    as lshw has them (``pci@0000:19:00.0``, ``scsi@0:2.0.0``): what the aliases of a hardware
    profile look for. `serial` of a NIC is its MAC address. `wwn` is a disk's worldwide name.
    """

    kind: str
    names: tuple[str, ...]
    businfo: str | None = None
    serial: str | None = None
    size_bytes: int | None = None
    wwn: str | None = None
    is_removable: bool = False


@dataclass(frozen=True, slots=True)
class Document:
    """One text about a machine: `generator` ``lshw`` (then XML), ``lldp``, ``ironic`` ..."""

    generator: str
    data_format: str
    text: str


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a provisioner learnt about a machine.

    `documents` are kept as build data. `devices` are its NICs and disks where the provisioner
    tells them itself; None: they are read from the document of the generator ``lshw``.
    `identities` are disks by name with the serial and worldwide name that lshw leaves out (it
    knows none of virtio disks).
    """

    documents: tuple[Document, ...] = ()
    devices: tuple[Device, ...] | None = None
    identities: tuple[Device, ...] = ()


@dataclass(frozen=True, slots=True)
class BmcFacts:
    """What a BMC tells of itself and of its machine; None or empty: it does not say.

    `generator` is the driver's short name and names the build data made of this. `macs` are
    those of the machine's NICs, lower case, six octets. `boot_device` is the override in words
    (``network, once``). `tls` says how the connection was secured. `odd` are sentences about
    what an operator should look at. `seconds`: how long a plain question took.
    """

    generator: str
    power: PowerState
    boot_device: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    uuid: str | None = None
    name: str | None = None
    macs: tuple[str, ...] = ()
    firmware: str | None = None
    tls: str | None = None
    seconds: float | None = None
    odd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one machine from all others, as its teller has it; None or empty: not told."""

    serial: str | None = None
    uuid: str | None = None
    macs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    """One log; `phase` is ``commission``, ``testing`` or ``deploy``."""

    phase: str
    name: str
    text: str

"""What passes between fake drivers and room: a node's card, a machine's view. Pure data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.machines import NodeState, PowerState, canonical_mac
from drydockd.site import DeviceAlias, Node


@dataclass(frozen=True, slots=True)
class NodeCard:
    """What of a design node identifies its machine, and what hardware its design expects.

    `nics` and `disks` are the device names the design uses: aliases of `aliases`, or names
    as the kernel gives them. `nic_addresses` are bus addresses the design selects NICs by.
    """

    name: str
    bmc: str | None = None
    boot_mac: str | None = None
    boot_ip: str | None = None
    boot_mode: str | None = None
    pxe_interface: str | None = None
    vendor: str | None = None
    generation: str | None = None
    aliases: tuple[DeviceAlias, ...] = ()
    nics: tuple[str, ...] = ()
    nic_addresses: Mapping[str, str] = field(default_factory=dict)
    disks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FirstBoot:
    """How far a deployed machine got with its boot data; `actions` maps id to outcome.

    `state` is ``none``, ``booting``, ``fetching``, ``reporting``, ``done`` or ``failed``.
    """

    state: str = "none"
    reason: str = ""
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MachineView:
    """A machine as it stands at `revision`; `state` None = the provisioner never saw it.

    `counters` are what happened to it since the room opened, `deployments` the ids of every
    deployment that was started on it: the proof that nothing destructive happened twice.
    """

    id: str
    revision: int
    name: str | None
    state: NodeState | None
    power: PowerState
    power_wanted: PowerState
    next_boot: str
    kind: str
    boot_mac: str
    boot_ip: str | None
    bmc: str | None
    memory_mib: int
    cpus: int
    reason: str
    deployment_id: str | None
    deployments: tuple[str, ...]
    counters: Mapping[str, int]
    first_boot: FirstBoot


def card_of(node: Node) -> NodeCard:
    """Return the card of a design node; device aliases only if the node carries its hardware."""
    hardware = node.hardware
    nics: dict[str, None] = {}
    addresses: dict[str, str] = {}
    for interface in node.interfaces:
        names = interface.hardware_slaves
        nics |= dict.fromkeys(names)
        if len(interface.slave_selectors) != len(names):
            continue
        for name, selector in zip(names, interface.slave_selectors, strict=True):
            if selector.selector_type == "address":
                addresses[name] = selector.address
    return NodeCard(
        name=node.name,
        bmc=node.oob_address,
        boot_mac=canonical_mac(node.boot_mac or ""),
        boot_ip=_boot_ip(node),
        boot_mode=hardware.boot_mode if hardware else None,
        pxe_interface=hardware.pxe_interface if hardware else None,
        vendor=hardware.vendor if hardware else None,
        generation=hardware.generation if hardware else None,
        aliases=hardware.devices if hardware else (),
        nics=tuple(nics),
        nic_addresses=addresses,
        # As an operating system names it: ``mapper/mpatha`` is the disk mpatha.
        disks=tuple(device.name.rpartition("/")[2] for device in node.storage_devices),
    )


def _boot_ip(node: Node) -> str | None:
    """The first static address that is not the BMC's."""
    oob = node.oob_parameters.get("network")
    static = (a for a in node.addressing if a.address and a.type == "static")
    return next((a.address for a in static if a.network != oob), None)

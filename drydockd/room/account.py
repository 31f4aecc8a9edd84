"""What the room's provisioner tells of a machine: its documents, and what it was deployed with."""

from __future__ import annotations

from drydockd.installed import Installed, Sighting
from drydockd.machines import Document, Inventory, NodeState
from drydockd.plans import PlatformPlan
from drydockd.room.hardware import Hardware
from drydockd.room.lshw import lldp_xml, lshw_xml
from drydockd.room.machine import Machine


def documents_of(hardware: Hardware, name: str) -> list[Document]:
    return [
        Document("lshw", "text/xml", lshw_xml(hardware, name)),
        Document("lldp", "text/xml", lldp_xml(hardware, "rack")),
    ]


def account_of(machine: Machine) -> Installed | None:
    """None unless it is deployed. A machine that stood deployed when the room opened tells of
    itself only as it is now."""
    if machine.state is not NodeState.DEPLOYED:
        return None
    spec = machine.spec
    return Installed(
        deployment_id=spec.deployment_id if spec else None,
        platform=_platform(machine),
        storage=machine.storage,
        network=machine.network,
        then=_sighting(machine, machine.deployed_hardware),
        now=_sighting(machine, machine.hardware),
    )


def _platform(machine: Machine) -> PlatformPlan | None:
    return machine.platform if machine.spec else None


def _sighting(machine: Machine, hardware: Hardware | None) -> Sighting:
    if hardware is None:
        return Sighting()
    return Sighting(
        Inventory(tuple(documents_of(hardware, machine.name or machine.id))),
        boot_mode=hardware.boot_mode,
        bmc_address=machine.bmc,
        memory_mib=hardware.memory_mib,
        cpus=hardware.cpus,
    )

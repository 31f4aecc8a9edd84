"""The discovery documents of a machine: lshw XML and LLDP neighbours."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from drydockd.room.hardware import Disk, Hardware, Nic

MIB = 2**20


def lshw_xml(hardware: Hardware, hostname: str) -> str:
    """Return what ``lshw -xml`` would print, as far as anybody here reads it.

    Sources: lshw(1); contract, effective-design, section 3.2.
    """
    root = Element("list")
    system = _node(root, hostname, "system", "DMI:0001")
    _say(system, description="Computer", product=hardware.product, vendor=hardware.vendor)
    _say(system, serial=hardware.serial, width=("64", "bits"))
    configuration = SubElement(system, "configuration")
    SubElement(configuration, "setting", id="boot", value=hardware.boot_mode)
    SubElement(configuration, "setting", id="uuid", value=hardware.uuid)
    core = _node(system, "core", "bus", "DMI:0200")
    _say(core, description="Motherboard")
    memory = _node(core, "memory", "memory", "DMI:1000")
    _say(memory, description="System Memory", size=(str(hardware.memory_mib * MIB), "bytes"))
    for index in range(hardware.cpus):
        cpu = _node(core, f"cpu:{index}", "processor", f"DMI:04{index:02x}")
        _say(cpu, description="CPU", product="Virtual CPU", businfo=f"cpu@{index}")
    bridge = _node(core, "pci", "bridge", "PCIBUS:0000:00")
    _say(bridge, description="Host bridge", businfo="pci@0000:00:00.0")
    for index, nic in enumerate(hardware.nics):
        _nic(bridge, index, nic)
    storage = _node(bridge, "storage", "storage", "PCI:0000:00:1f.0")
    _say(storage, description="RAID bus controller", businfo="pci@0000:00:1f.0")
    for index, disk in enumerate(hardware.disks):
        _disk(storage, index, disk)
    indent(root)
    return '<?xml version="1.0" standalone="yes" ?>\n' + tostring(root, encoding="unicode") + "\n"


def lldp_xml(hardware: Hardware, rack: str) -> str:
    """Return what ``lldpctl -f xml`` would print: every NIC sees its own switch port."""
    root = Element("lldp", label="LLDP neighbors")
    for index, nic in enumerate(hardware.nics, 1):
        port = SubElement(root, "interface", label="Interface", name=nic.name, via="LLDP")
        chassis = SubElement(port, "chassis", label="Chassis")
        SubElement(chassis, "name", label="SysName").text = f"{rack}-tor"
        remote = SubElement(port, "port", label="Port")
        SubElement(remote, "id", label="PortID", type="ifname").text = f"Ethernet{index}"
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _nic(parent: Element, index: int, nic: Nic) -> None:
    node = _node(parent, f"network:{index}", "network", f"PCI:{nic.address}")
    _say(node, description="Ethernet interface", product=nic.product, vendor="drydockd")
    _say(node, businfo=f"pci@{nic.address}", logicalname=nic.name, serial=nic.mac)
    _say(node, size=("10000000000", "bit/s"), capacity=("10000000000", "bit/s"))


def _disk(parent: Element, index: int, disk: Disk) -> None:
    node = _node(parent, f"disk:{index}", "disk", f"SCSI:{disk.businfo.partition('@')[2]}")
    _say(node, description="SCSI Disk", product=disk.product, vendor="drydockd")
    _say(node, businfo=disk.businfo, logicalname=f"/dev/{disk.name}", serial=disk.serial)
    _say(node, size=(str(disk.size_bytes), "bytes"))


def _node(parent: Element, ident: str, kind: str, handle: str) -> Element:
    attributes = {"id": ident, "claimed": "true", "class": kind, "handle": handle}
    return SubElement(parent, "node", attributes)


def _say(node: Element, **values: str | tuple[str, str]) -> None:
    """Add child elements; a pair is a value with its unit."""
    for name, value in values.items():
        if isinstance(value, tuple):
            SubElement(node, name, units=value[1]).text = value[0]
        else:
            SubElement(node, name).text = value

"""A simulated MAAS as a design's site has it, and the machines of the design's nodes in it."""

from __future__ import annotations

from drydockd.design.compile import compile_site
from drydockd.design.inventory import hardware_of
from drydockd.drivers.base import Handle, Inventory, NodeState
from drydockd.machines import Document
from drydockd.room.card import card_of
from drydockd.room.config import Defaults, MachineConfig
from drydockd.room.hardware import hardware_for
from drydockd.room.lshw import lshw_xml
from tests.peers.maas.machines import a_disk, a_nic, add_machine
from tests.peers.maas.site import add_subnet, add_vlan
from tests.peers.maas.storage import lay_default


def a_site(path):
    site, findings = compile_site(path.read_bytes())
    assert site.nodes, findings
    return site


def lay_networks(maas, site):
    """What prepare_site leaves: a fabric a link, a VLAN and a subnet a network."""
    for number, link in enumerate(site.network_links.values(), 100):
        maas.fabrics[number] = {"name": link.name}
        vlans = {0: add_vlan(maas, number, 0, "untagged", link.mtu)}
        for name in link.allowed_networks:
            network = site.networks.get(name)
            if network is None or any(s["name"] == name for s in maas.subnets.values()):
                continue
            vid = 0 if name == link.native_network else int(network.vlan_id or 0)
            if vid not in vlans:
                vlans[vid] = add_vlan(maas, number, vid, name, network.mtu or link.mtu)
            gateway = network.default_gateway or ""
            add_subnet(maas, network.cidr, vlans[vid], name, gateway)


def place(maas, site, node, *, firmware="bios"):
    """Put the machine of a node there, commissioned; return its handle and hardware."""
    card = card_of(node)
    made = hardware_for(
        node.name, MachineConfig(name=node.name), card, Defaults(), "52:54:00:00:00:99"
    )
    machine = add_machine(maas, node.name, bios_boot_method=firmware, boot_mac=made.nics[0].mac)
    vlan = next(iter(maas.vlans))
    machine.interfaces = {maas.new_id(): a_nic(nic.name, nic.mac, vlan) for nic in made.nics}
    machine.blockdevices = {
        maas.new_id(): a_disk(disk.name, disk.size_bytes, disk.serial) for disk in made.disks
    }
    machine.boot_disk = next(iter(machine.blockdevices))
    lay_default(maas, machine)
    lshw = lshw_xml(made, node.name)
    machine.lshw = lshw.encode()
    inventory = Inventory((Document("lshw", "text/xml", lshw),))
    return a_handle(machine), hardware_of(site, node, inventory)


def a_handle(machine, **given):
    return Handle(machine.system_id, machine.hostname, given.pop("state", NodeState.READY), **given)


def state(machine):
    """All that a machine is, without the numbers that MAAS gives by itself."""
    return {
        "interfaces": sorted(
            (
                nic["name"],
                nic["type"],
                nic["vlan"],
                nic["mtu"],
                tuple(nic["parents"]),
                str(sorted((nic["params"] or {}).items())),
                str(
                    sorted(
                        (
                            link["mode"],
                            link["subnet"] or 0,
                            link["ip_address"] or "",
                            bool(link.get("default")),
                        )
                        for link in nic["links"]
                    )
                ),
            )
            for nic in machine.interfaces.values()
        ),
        "disks": {
            device["name"]: (device["size"], _on(device), [_part(p) for p in device["partitions"]])
            for device in machine.blockdevices.values()
        },
        "groups": sorted(
            (group["name"], group["size"], len(group["devices"]))
            for group in machine.volume_groups.values()
        ),
        "boot_disk": machine.boot_disk,
        "tags": sorted(machine.tag_names),
    }


def _part(part):
    return part["size"], part["bootable"], _on(part)


def _on(holder):
    on = holder["filesystem"]
    return on and (on["fstype"], on["label"], on["mount_point"], on["mount_options"])

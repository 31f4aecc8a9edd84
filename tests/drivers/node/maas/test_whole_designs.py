"""Whole designs in a simulated MAAS: what each machine gets is what the design says."""

import pytest

from drydockd.design.kernel_params import render
from drydockd.design.plans import network_plan, platform_plan, storage_plan
from drydockd.design.sizes import parse_size
from drydockd.drivers.node.maas.networking import apply_network
from drydockd.drivers.node.maas.platform import apply_platform
from drydockd.drivers.node.maas.provisioner import BOOT_RESERVE
from drydockd.drivers.node.maas.storage import apply_storage
from drydockd.drivers.node.maas.survey import Survey
from drydockd.drivers.node.maas.taglist import TagList
from tests.designs import on_designs
from tests.drivers.node.maas.apparatus import a_site, lay_networks, place
from tests.sites.folder import on_site_files

MIB = 1024 * 1024
# What is rounded and kept of a disk or group, at most.
ROUNDED = 4 * 4 * MIB
MOST_REQUESTS = 38
DESIGNS = [
    *on_designs("foundry", "workshop", "two-regions", "example-site"),
    *on_site_files("seaworthy", "intel-pod15"),
]


@pytest.mark.parametrize("path", DESIGNS)
async def test_each_machine_has_what_its_design_says(maas, client, path):
    site = a_site(path)
    lay_networks(maas, site)
    survey, taglist = Survey(client, seconds=600), TagList(client, seconds=600)
    for index, node in enumerate(site.nodes.values()):
        firmware = "uefi" if index % 2 else "bios"
        handle, hardware = place(maas, site, node, firmware=firmware)
        machine = maas.machines[handle.id]
        before = len(maas.calls)
        network = network_plan(site, node, hardware)
        await apply_network(client, handle, network, survey=survey)
        storage = storage_plan(site, node, hardware, boot_reserve=BOOT_RESERVE)
        await apply_storage(client, handle, storage)
        await apply_platform(client, handle, platform_plan(site, node), taglist=taglist)
        # All designs here have several networks, disks and tags; none is beyond this.
        assert len(maas.calls) - before <= MOST_REQUESTS
        _check_network(maas, site, node, machine, hardware)
        _check_disks(node, machine, hardware)
        _check_tags(maas, node, machine)


def _check_network(maas, site, node, machine, hardware):
    nics = {nic["name"]: nic for nic in machine.interfaces.values()}
    for interface in node.interfaces:
        link = site.network_links.get(interface.network_link)
        if link is None or "noconfig" in link.metalabels:
            continue
        devices = [hardware.nic(slave).name for slave in interface.hardware_slaves]
        base = nics[devices[0]]
        if link.bonding_mode != "disabled":
            base = nics[interface.device_name]
            assert base["parents"] == sorted(devices)
            assert base["params"]["bond_mode"] == link.bonding_mode
            assert all((nics[name]["mtu"] or 1500) == link.mtu for name in devices)
        assert (base["mtu"] or 1500) == link.mtu
        assert maas.fabrics[maas.vlans[base["vlan"]]["fabric_id"]]["name"] == link.name
        for name in interface.networks:
            network = site.networks[name]
            nic = base
            if name != link.native_network and int(network.vlan_id):
                nic = nics[f"{base['name']}.{network.vlan_id}"]
                assert maas.vlans[nic["vlan"]]["vid"] == int(network.vlan_id)
            _check_address(maas, node, network, nic)


def _check_address(maas, node, network, nic):
    entry = next((e for e in node.addressing if e.network == network.name), None)
    links = [
        link
        for link in nic["links"]
        if link["subnet"] is None or maas.subnets[link["subnet"]]["name"] == network.name
    ]
    mode = entry.type if entry else "link_up"
    assert [link["mode"] for link in links] == [mode]
    if mode == "static":
        assert links[0]["ip_address"] == entry.address
        is_way_out = network.name == node.primary_network and network.default_gateway
        assert bool(links[0].get("default")) == bool(is_way_out)


def _check_disks(node, machine, hardware):
    disks = {device["name"]: device for device in machine.blockdevices.values()}
    for device in node.storage_devices:
        disk = disks[hardware.name_of(device.name)]
        mounted = {
            part["filesystem"]["mount_point"]: part
            for part in disk["partitions"]
            if part["filesystem"]
        }
        for partition in device.partitions:
            if partition.mountpoint:
                _check_size(partition, mounted[partition.mountpoint], disk["size"])
    groups = {group["name"]: group for group in machine.volume_groups.values()}
    for group in node.volume_groups:
        there = {v["name"]: v for v in groups[group.name]["logical_volumes"]}
        assert len(there) == len(group.logical_volumes)
        for volume in group.logical_volumes:
            found = there[f"{group.name}-{volume.name}"]
            _check_size(volume, found, groups[group.name]["size"])


def _check_size(wanted, found, total):
    if wanted.mountpoint:
        on = found["filesystem"]
        assert (on["fstype"], on["mount_point"]) == (wanted.fstype or "ext4", wanted.mountpoint)
        assert on["mount_options"] or (wanted.mount_options or "defaults") == "defaults"
    size = parse_size(wanted.size)
    if size.percent is not None:
        # Percent are of what MAAS leaves, see BOOT_RESERVE.
        assert found["size"] <= size.of(total + ROUNDED)
        assert found["size"] >= size.of(total - BOOT_RESERVE) - ROUNDED
    elif size.minimum:
        assert found["size"] >= size.of(None)
    else:
        assert size.of(None) - 4 * MIB < found["size"] <= size.of(None)


def _check_tags(maas, node, machine):
    line = render(node.kernel_params)
    own = {f"{node.name}_kp"} if line else set()
    assert machine.tag_names == {*node.tags, *own}
    if line:
        assert maas.tags[f"{node.name}_kp"]["kernel_opts"] == line

"""The documents that MAAS 3.6.3 answers with, made of the simulator's plain state.

Their keys are those of the recording; a test holds each against it.
"""

from __future__ import annotations

from typing import Any

VLAN = {
    "vid": 0,
    "mtu": 1500,
    "dhcp_on": False,
    "external_dhcp": None,
    "relay_vlan": None,
    "primary_rack": None,
    "secondary_rack": None,
    "name": "untagged",
}
STATUSES = {
    "New": 0,
    "Commissioning": 1,
    "Failed commissioning": 2,
    "Missing": 3,
    "Ready": 4,
    "Reserved": 5,
    "Deployed": 6,
    "Retired": 7,
    "Broken": 8,
    "Deploying": 9,
    "Allocated": 10,
    "Failed deployment": 11,
    "Releasing": 12,
    "Releasing failed": 13,
    "Disk erasing": 14,
    "Failed disk erasing": 15,
    "Rescue mode": 16,
    "Testing": 21,
    "Failed testing": 22,
}


def vlan(sim: Any, vlan_id: int | None) -> dict[str, Any] | None:
    if vlan_id is None:
        return None
    kept = sim.vlans[vlan_id]
    return {
        **{name: kept[name] for name in VLAN},
        "relay_vlan": vlan(sim, kept["relay_vlan"]),
        "fabric": sim.fabrics[kept["fabric_id"]]["name"],
        "fabric_id": kept["fabric_id"],
        "id": vlan_id,
        "space": "undefined",
        "resource_uri": ["vlanid_handler", [vlan_id]],
    }


def fabric(sim: Any, fabric_id: int) -> dict[str, Any]:
    vlans = [vlan(sim, key) for key, kept in sim.vlans.items() if kept["fabric_id"] == fabric_id]
    return {
        "class_type": None,
        "id": fabric_id,
        "name": sim.fabrics[fabric_id]["name"],
        "vlans": vlans,
        "resource_uri": ["fabric_handler", [fabric_id]],
    }


def subnet(sim: Any, subnet_id: int) -> dict[str, Any]:
    kept = sim.subnets[subnet_id]
    return {
        "name": kept["name"],
        "description": "",
        "vlan": vlan(sim, kept["vlan"]),
        "cidr": kept["cidr"],
        "rdns_mode": 2,
        "gateway_ip": kept["gateway_ip"],
        "dns_servers": list(kept["dns_servers"]),
        "allow_dns": True,
        "allow_proxy": True,
        "active_discovery": False,
        "managed": True,
        "disabled_boot_architectures": [],
        "id": subnet_id,
        "space": "undefined",
        "resource_uri": ["subnet_handler", [subnet_id]],
    }


def iprange(sim: Any, range_id: int) -> dict[str, Any]:
    kept = sim.ranges[range_id]
    return {
        "subnet": subnet(sim, kept["subnet"]),
        "type": kept["type"],
        "start_ip": kept["start_ip"],
        "end_ip": kept["end_ip"],
        "user": None,
        "comment": kept["comment"],
        "id": range_id,
        "resource_uri": ["iprange_handler", [range_id]],
    }


def static_route(sim: Any, route_id: int) -> dict[str, Any]:
    kept = sim.static_routes[route_id]
    return {
        "source": subnet(sim, kept["source"]),
        "destination": subnet(sim, kept["destination"]),
        "gateway_ip": kept["gateway_ip"],
        "metric": kept["metric"],
        "id": route_id,
        "resource_uri": ["staticroute_handler", [route_id]],
    }


def domain(sim: Any, domain_id: int) -> dict[str, Any]:
    kept = sim.domains[domain_id]
    return {
        "authoritative": kept["authoritative"],
        "ttl": None,
        "is_default": domain_id == 0,
        "resource_record_count": 0,
        "id": domain_id,
        "name": kept["name"],
        "resource_uri": ["domain_handler", [domain_id]],
    }


def domain_named(sim: Any, name: str) -> dict[str, Any]:
    found = next(key for key, kept in sim.domains.items() if kept["name"] == name)
    return domain(sim, found)


def links(sim: Any, interface: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for link in interface["links"]:
        shown = {"id": link["id"], "mode": link["mode"]}
        if link.get("ip_address"):
            shown["ip_address"] = link["ip_address"]
        if link.get("subnet") is not None:
            shown["subnet"] = subnet(sim, link["subnet"])
        found.append(shown)
    return found


def _vlan_mtu(sim: Any, vlan_id: int | None) -> int:
    mtu: int = sim.vlans[vlan_id]["mtu"] if vlan_id is not None else 1500
    return mtu


def default_gateways(sim: Any, node: Any) -> dict[str, dict[str, Any]]:
    """The links that were chosen; their `default` is the version of IP."""
    chosen = {
        link["default"]: link
        for kept in node.interfaces.values()
        for link in kept["links"]
        if link.get("default")
    }
    return {
        f"ipv{version}": {
            "gateway_ip": sim.subnets[chosen[version]["subnet"]]["gateway_ip"],
            "link_id": chosen[version]["id"],
        }
        if version in chosen
        else {"gateway_ip": None, "link_id": None}
        for version in (4, 6)
    }


def interface(sim: Any, machine: Any, interface_id: int) -> dict[str, Any]:
    """`machine.interfaces[id]` has `vlan` as an id or None, `parents` as names, `links` as dicts
    with id, mode, subnet (an id or None) and ip_address."""
    kept = machine.interfaces[interface_id]
    name = kept["name"]
    children = [other["name"] for other in machine.interfaces.values() if name in other["parents"]]
    return {
        "parents": list(kept["parents"]),
        "vlan": vlan(sim, kept["vlan"]),
        "sriov_max_vf": 0,
        "id": interface_id,
        "enabled": True,
        "effective_mtu": kept.get("mtu") or _vlan_mtu(sim, kept["vlan"]),
        "tags": list(kept.get("tags", ())),
        "system_id": machine.system_id,
        "name": name,
        "vendor": kept.get("vendor"),
        "product": kept.get("product"),
        "firmware_version": None,
        "discovered": None,
        "params": kept.get("params", ""),
        "link_speed": kept.get("link_speed", 10000),
        "interface_speed": kept.get("link_speed", 10000),
        "mac_address": kept["mac_address"],
        "numa_node": 0,
        "links": links(sim, kept),
        "link_connected": True,
        "type": kept["type"],
        "children": children,
        "resource_uri": ["interface_handler", [machine.system_id, interface_id]],
    }


def blockdevice(machine: Any, device_id: int) -> dict[str, Any]:
    """`machine.blockdevices[id]` is the document but for what is told from its place."""
    return {
        **machine.blockdevices[device_id],
        "id": device_id,
        "system_id": machine.system_id,
        "resource_uri": ["blockdevice_handler", [machine.system_id, device_id]],
    }


def machine(sim: Any, node: Any) -> dict[str, Any]:
    untested = {
        name: value
        for kind in ("cpu", "memory", "network", "storage", "interface", "other")
        for name, value in (
            (f"{kind}_test_status", -1),
            (f"{kind}_test_status_name", "Unknown"),
        )
    }
    devices = [blockdevice(node, key) for key in node.blockdevices]
    interfaces = [interface(sim, node, key) for key in node.interfaces]
    boot = next((nic for nic in interfaces if nic["mac_address"] == node.boot_mac), None)
    return {
        **untested,
        "address_ttl": None,
        "architecture": node.architecture,
        "bcaches": [],
        "bios_boot_method": node.bios_boot_method,
        "blockdevice_set": devices,
        "boot_disk": next((d for d in devices if d["id"] == node.boot_disk), None),
        "boot_interface": boot,
        "cache_sets": [],
        "commissioning_status": 2,
        "commissioning_status_name": "Passed",
        "cpu_count": node.cpu_count,
        "cpu_speed": 0,
        "current_commissioning_result_id": node.commissioning,
        "current_installation_result_id": None,
        "current_testing_result_id": 2,
        "default_gateways": default_gateways(sim, node),
        "description": "",
        "disable_ipv4": False,
        "distro_series": node.distro_series,
        "domain": domain_named(sim, node.domain),
        "enable_hw_sync": False,
        "enable_kernel_crash_dump": False,
        "ephemeral_deploy": False,
        "error_description": "",
        "fqdn": f"{node.hostname}.{node.domain}",
        "hardware_info": {},
        "hardware_uuid": None,
        "hostname": node.hostname,
        "hwe_kernel": node.hwe_kernel,
        "interface_set": interfaces,
        "last_sync": None,
        "locked": node.locked,
        "memory": node.memory,
        "min_hwe_kernel": "",
        "netboot": True,
        "next_sync": None,
        "node_type": node.node_type,
        "node_type_name": "Machine" if node.node_type == 0 else "Rack controller",
        "numanode_set": [],
        "osystem": node.osystem,
        "owner": node.owner,
        "owner_data": dict(node.annotations),
        "parent": None,
        "physicalblockdevice_set": [d for d in devices if d["type"] == "physical"],
        "pod": None,
        "pool": {"name": "default", "description": "Default pool", "id": 0},
        "power_state": node.power_state,
        "power_type": node.power_type,
        "raids": [],
        "resource_uri": f"/MAAS/api/2.0/machines/{node.system_id}/",
        "special_filesystems": [],
        "status": STATUSES[node.status_name],
        "status_action": "",
        "status_message": node.status_message,
        "status_name": node.status_name,
        "storage": sum(d["size"] for d in devices if d["type"] == "physical") / 1000**2,
        "swap_size": None,
        "sync_interval": None,
        "system_id": node.system_id,
        "tag_names": sorted(node.tag_names),
        "testing_status": -1,
        "testing_status_name": "Unknown",
        "virtualblockdevice_set": [d for d in devices if d["type"] == "virtual"],
        "virtualmachine_id": None,
        "volume_groups": list(node.volume_groups.values()),
        "workload_annotations": dict(node.annotations),
        "zone": {"name": "default", "description": "", "id": 1},
    }

"""What would change on each node once another design were deployed."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.cli import design_site
from drydockd.cli.design_assets import Deployment, boot_data, stub
from drydockd.cli.design_site import Hidden
from drydockd.design.inventory import Hardware, device_name, hardware_of
from drydockd.design.network_plan import network_plan
from drydockd.design.plans import platform_plan
from drydockd.design.shown import masked_oob, storage
from drydockd.design.written import leaves
from drydockd.errors import InvalidDesign, RenderError
from drydockd.machines import Inventory
from drydockd.plans import DeviceName, InterfacePlan
from drydockd.render import Templates
from drydockd.site import DeviceAlias, Node, Site

Values = Mapping[str, str]
Sections = Mapping[str, Values]
# Both designs are rendered for the same made-up deployment, so only the designs differ.
DEPLOYMENT = Deployment(design_ref="design")


@dataclass(frozen=True, slots=True)
class Change:
    """One value before and after; None where there was or will be none."""

    before: str | None
    after: str | None


@dataclass
class Difference:
    """`changed`: node -> section -> what -> change; `site`: section -> what -> change."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    changed: dict[str, dict[str, dict[str, Change]]] = field(default_factory=dict)
    unchanged: int = 0
    site: dict[str, dict[str, Change]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.site)


async def difference(
    old: Site, new: Site, inventories: Mapping[str, Inventory] | None = None
) -> Difference:
    """Compare what each node would be; remote sources are compared by their location.

    `inventories`: what nodes are made of, where that is known, to compare the very devices.
    """
    known = inventories or {}
    found = Difference(
        added=[name for name in new.nodes if name not in old.nodes],
        removed=[name for name in old.nodes if name not in new.nodes],
        site=_compare(design_site.values(old), design_site.values(new)),
    )
    templates = Templates()
    try:
        for name, node in new.nodes.items():
            if name in old.nodes:
                before = await deployed(old, old.nodes[name], templates, known.get(name))
                after = await deployed(new, node, templates, known.get(name))
                changes = _compare(before, after)
                if changes:
                    found.changed[name] = changes
                else:
                    found.unchanged += 1
    finally:
        await templates.close()
    return found


def _compare(before: Sections, after: Sections) -> dict[str, dict[str, Change]]:
    changes: dict[str, dict[str, Change]] = {}
    for section in after:
        old, new = before[section], after[section]
        for what in dict.fromkeys([*old, *new]):
            was, will = old.get(what), new.get(what)
            if getattr(was, "raw", was) != getattr(will, "raw", will):
                if was == will and will is not None:
                    will = f"{will} (changed)"
                changes.setdefault(section, {})[what] = Change(was, will)
    return changes


async def deployed(
    site: Site, node: Node, templates: Templates, inventory: Inventory | None = None
) -> Sections:
    """Return what the node would be once deployed, section by section, as comparable text."""
    packages, assets = await _boot_data(site, node, templates)
    return {
        "identity": {"fqdn": site.fqdn_of(node)},
        "addresses": {e.network: e.address or e.type for e in node.addressing},
        "network": _network(site, node),
        "hardware": _hardware(site, node, inventory),
        "bmc": _bmc(node),
        "storage": _flat(storage(node)),
        "kernel": _kernel(site, node),
        "authorized keys": design_site.authorized_keys(site),
        "boot actions": {
            spec.name: "signals" if spec.signaling else "does not signal"
            for spec in site.bootactions_of(node.name)
        },
        "labels": {"tags": ", ".join(node.tags), **node.owner_data},
        "packages": packages,
        "assets": assets,
    }


def _flat(value: object) -> dict[str, str]:
    return {"/".join(path): str(leaf) for path, leaf in leaves(value) if leaf not in (None, False)}


def _network(site: Site, node: Node) -> Values:
    try:
        plan = network_plan(site, node, Hardware())
    except InvalidDesign as error:
        return {"plan": f"cannot be made: {error}"}
    found = {"default gateway": ", ".join(plan.default_gateways) or "none"}
    found |= {"dns": ", ".join(plan.dns_servers), "search domain": plan.search_domain}
    for interface in plan.interfaces:
        found |= {f"{interface.name} {what}": text for what, text in _interface(interface).items()}
    return found


def _hardware(site: Site, node: Node, inventory: Inventory | None) -> Values:
    """The hardware that interfaces and storage would use: what aliases stand for, and with an
    inventory the very devices."""
    aliases = {alias.alias: alias for alias in node.hardware.devices} if node.hardware else {}
    found = {}
    try:
        seen = hardware_of(site, node, inventory) if inventory else None
    except InvalidDesign as error:
        return {"inventory": f"cannot be read: {error}"}
    for interface in node.interfaces:
        for slave in interface.hardware_slaves:
            text = _alias(aliases.get(slave), slave)
            if seen is not None:
                text += _device(
                    seen.nic(slave),
                    any(seen.name_of(slave) in device.names for device in seen.devices),
                )
            found[f"{interface.device_name} {slave}"] = text
    for device in node.storage_devices:
        text = _alias(aliases.get(device.name), device.name)
        if seen is not None:
            disk = seen.disk(device.name)
            named = device_name(disk, disk.names[0]) if disk else DeviceName(device.name)
            text += _device(named, disk is not None)
        found[f"disk {device.name}"] = text
    return found


def _alias(alias: DeviceAlias | None, name: str) -> str:
    return f"{alias.bus_type} {alias.address}" if alias else f"named {name}"


def _device(device: DeviceName, is_there: bool) -> str:
    if not is_there:
        return ", not in the inventory"
    identity = [part for part in (device.mac, device.serial, device.bus_address) if part]
    return f", which is {' '.join([device.name, *identity])}"


def _bmc(node: Node) -> Values:
    """How the BMC is reached; what opens it is compared and not shown."""
    shown = masked_oob(node)
    raw = {"type": node.oob_type, **node.oob_parameters}
    found: dict[str, str] = {name: Hidden(str(shown[name]), raw[name]) for name in shown}
    return found | {"address": node.oob_address or "none", "boot_mac": node.boot_mac or "none"}


def _interface(interface: InterfacePlan) -> Values:
    bond = interface.bond
    found = {
        "link": interface.link,
        "devices": ", ".join(device.name for device in interface.devices),
        "mtu": str(interface.mtu),
        "untagged": interface.native_network or "none",
        "bond": "none" if bond is None else bond.mode,
        "sriov": f"{interface.vf_count} functions" if interface.sriov else "off",
    }
    if bond is not None:
        found["bond options"] = (
            f"hash {bond.xmit_hash}, rate {bond.peer_rate}, monitored every {bond.mon_rate} ms, "
            f"up after {bond.up_delay} ms, down after {bond.down_delay} ms"
        )
    routes = {interface.native_network: interface.routes}
    for vlan in interface.vlans:
        found[f"vlan {vlan.network}"] = f"id {vlan.vlan_id}, mtu {vlan.mtu or interface.mtu}"
        found |= {
            f"vlan {other.network}": f"id {vlan.vlan_id}, beside {vlan.network}"
            for other in vlan.beside
        }
        routes[vlan.network] = vlan.routes
    for network, of_network in routes.items():
        for route in of_network:
            what = f"route {route.subnet} on {network}"
            found[what] = f"via {route.gateway} metric {route.metric}"
    return found


def _kernel(site: Site, node: Node) -> Values:
    try:
        line = platform_plan(site, node).kernel_params
    except InvalidDesign as error:
        line = f"cannot be rendered: {error}"
    return {"image": node.image or "none", "kernel": node.kernel or "none", "arguments": line}


async def _boot_data(site: Site, node: Node, templates: Templates) -> tuple[Values, Values]:
    try:
        data = await boot_data(site, node, None, DEPLOYMENT, stub, templates)
    except RenderError as error:
        return {}, {"boot data": f"cannot be rendered: {error}"}
    packages = {name: version or "any version" for name, version in data.packages.items()}
    packages |= {f"list {location}": "fetched" for location in data.package_sources}
    assets = {
        asset.path: f"{asset.type}, mode {asset.mode:04o}, {len(asset.content)} bytes, "
        f"sha256 {hashlib.sha256(asset.content).hexdigest()[:16]}"
        + (f", from {asset.location}" if asset.location else "")
        for asset in data.assets
    }
    return packages, assets


def as_json(found: Difference) -> dict[str, object]:
    return {
        "added": found.added,
        "removed": found.removed,
        "changed": {
            node: {
                section: {what: [c.before, c.after] for what, c in changes.items()}
                for section, changes in sections.items()
            }
            for node, sections in found.changed.items()
        },
        "unchanged": found.unchanged,
        "site": {
            section: {what: [c.before, c.after] for what, c in changes.items()}
            for section, changes in found.site.items()
        },
    }


def as_lines(found: Difference) -> list[str]:
    """Return the difference for people: one line per value, + new, - gone, ~ changed."""
    lines = [f"- node {name} is removed" for name in found.removed]
    lines += [f"+ node {name} is added" for name in found.added]
    whole = {"site": found.site} if found.site else {}
    for whose, sections in {**whole, **{f"node {n}": s for n, s in found.changed.items()}}.items():
        lines.append(f"~ {whose}")
        for section, changes in sections.items():
            lines.append(f"    {section}")
            lines += [f"      {_line(what, change)}" for what, change in changes.items()]
    lines.append(
        f"{len(found.changed)} changed, {len(found.added)} added, "
        f"{len(found.removed)} removed, {found.unchanged} unchanged"
    )
    return lines


def _line(what: str, change: Change) -> str:
    if change.before is None:
        return f"+ {what}: {change.after}"
    if change.after is None:
        return f"- {what}: {change.before}"
    return f"~ {what}: {change.before} -> {change.after}"

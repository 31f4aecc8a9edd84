"""The effective node in the shape of its document, and where each value of it came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import yaml

from drydockd.design import Design
from drydockd.design.kernel_params import render
from drydockd.design.written import Path, WrittenDocument, chain, leaves
from drydockd.errors import InvalidDesign
from drydockd.site import HostProfile, LogicalVolume, Node, Partition, Site

MASK = "********"
_SECRETS = ("credential", "password", "secret", "token", "key")


def effective(node: Node) -> dict[str, object]:
    """Return the effective node as a BaremetalNode document would say it, without secrets."""
    written = {
        "host_profile": node.parent_profile,
        "hardware_profile": node.hardware_profile,
        "primary_network": node.primary_network,
        "oob": masked_oob(node),
        "platform": {
            "image": node.image,
            "kernel": node.kernel,
            "kernel_params": dict(node.kernel_params),
        },
        "metadata": {
            "tags": list(node.tags),
            "owner_data": dict(node.owner_data),
            "rack": node.rack,
            "boot_mac": node.boot_mac,
        },
        "interfaces": interfaces(node),
        "storage": storage(node),
        "addressing": [
            {"network": entry.network, "address": entry.address or entry.type}
            for entry in node.addressing
        ],
    }
    return _pruned(written)


def computed(site: Site, node: Node) -> dict[str, object]:
    """Return what follows from the node and the rest of the site."""
    try:
        kernel_line = render(node.kernel_params)
    except InvalidDesign as error:
        kernel_line = f"cannot be rendered: {error}"
    root, boot = node.block_device("/"), node.block_device("/boot")
    values = {
        "domain": site.domain_of(node),
        "fqdn": site.fqdn_of(node),
        "kernel_params_line": kernel_line,
        "root": "/".join(root) if root else None,
        "boot": "/".join(boot) if boot else None,
        "bootactions": [spec.name for spec in site.bootactions_of(node.name)],
    }
    return _pruned(values)


def masked_oob(node: Node) -> dict[str, object]:
    """Return ``oob`` with everything that opens a BMC replaced."""
    parameters: dict[str, object] = {"type": node.oob_type}
    for name, value in node.oob_parameters.items():
        is_secret = any(word in name.lower() for word in _SECRETS)
        parameters[name] = MASK if is_secret else _without_password(value)
    return parameters


def _without_password(value: str) -> str:
    """A URI may carry a password: ``qemu+ssh://user:password@host/system``."""
    scheme, separator, rest = value.partition("://")
    user, at, host = rest.rpartition("@")
    if not (separator and at and ":" in user):
        return value
    return f"{scheme}://{user.partition(':')[0]}:{MASK}@{host}"


def interfaces(profile: HostProfile) -> dict[str, object]:
    found: dict[str, object] = {}
    for interface in profile.interfaces:
        found[interface.device_name] = {
            "device_link": interface.network_link,
            "slaves": list(interface.hardware_slaves),
            "networks": list(interface.networks),
            "sriov": (
                {"vf_count": interface.vf_count, "trustedmode": interface.trustedmode}
                if interface.sriov
                else None
            ),
        }
    return found


def storage(profile: HostProfile) -> dict[str, object]:
    return {
        "physical_devices": {
            device.name: {
                "labels": dict(device.labels or {}),
                "volume_group": device.volume_group,
                "partitions": [_entry(partition) for partition in device.partitions],
            }
            for device in profile.storage_devices
        },
        "volume_groups": {
            group.name: {
                "vg_uuid": group.vg_uuid,
                "logical_volumes": [_entry(volume) for volume in group.logical_volumes],
            }
            for group in profile.volume_groups
        },
    }


def _entry(entry: Partition | LogicalVolume) -> dict[str, object]:
    values: dict[str, object] = {"name": entry.name, "size": entry.size}
    if isinstance(entry, Partition):
        values |= {"part_uuid": entry.part_uuid, "volume_group": entry.volume_group}
        values["bootable"] = entry.bootable or None
    else:
        values["lv_uuid"] = entry.lv_uuid
    values["filesystem"] = {
        field: getattr(entry, field)
        for field in ("mountpoint", "fstype", "mount_options", "fs_uuid", "fs_label")
    }
    return values


# Maps of things by name: one that is empty is there all the same.
_NAMED = ("interfaces", "physical_devices", "volume_groups")


def _pruned(values: Mapping[str, object], kept: bool = False) -> dict[str, object]:
    """Leave out what is not set: an empty map here is a missing key there."""
    inside = {key: _pruned_value(inner, key in _NAMED) for key, inner in values.items()}
    return {key: inner for key, inner in inside.items() if kept or inner not in (None, {}, [])}


def _pruned_value(value: object, kept: bool = False) -> object:
    if isinstance(value, dict):
        return _pruned(value, kept)
    return [_pruned_value(inner) for inner in value] if isinstance(value, list) else value


def sources(design: Design, node: Node) -> dict[Path, str]:
    """Return for each leaf of the effective node which document gave it.

    The nearest document that writes the path counts; what none writes is a default.
    """
    documents = chain(design.content, node)
    written = [(document, _normalised(document)) for document in documents]
    return {path: _source(path, written) for path, _ in leaves(effective(node))}


def _normalised(document: WrittenDocument) -> dict[Path, object]:
    return {path: value for path, value in leaves(dict(document.body())) if value is not None}


def _source(path: Path, written: Sequence[tuple[WrittenDocument, Mapping[Path, object]]]) -> str:
    spellings = {path, tuple("trustmode" if step == "trustedmode" else step for step in path)}
    for document, values in written:
        if not spellings.isdisjoint(values):
            return f"{document.kind} {document.name}"
    return "default"


def as_json(design: Design, node: Node) -> dict[str, object]:
    """Return node, computed values, the chain of documents, and the source of every leaf."""
    return {
        "name": node.name,
        "chain": [f"{link.kind} {link.name}" for link in chain(design.content, node)],
        "node": effective(node),
        "computed": computed(design.site, node),
        "sources": {".".join(path): source for path, source in sources(design, node).items()},
    }


def as_yaml(design: Design, node: Node) -> str:
    """Return the node as YAML whose comments say where each value came from."""
    links = " -> ".join(f"{link.kind} {link.name}" for link in chain(design.content, node))
    lines = [f"# {links}", f"name: {_scalar(node.name)}"]
    lines += _yaml_lines(effective(node), sources(design, node))
    lines += ["computed:", *_yaml_lines(computed(design.site, node), {}, ("computed",), 1)]
    return "\n".join(lines) + "\n"


def _yaml_lines(
    value: dict[str, object] | list[object],
    origins: Mapping[Path, str],
    path: Path = (),
    depth: int = 0,
) -> list[str]:
    """Emit maps and lists in block style, one leaf a line, so each can have its comment."""
    indent = "  " * depth
    lines: list[str] = []
    if isinstance(value, dict):
        for key, inner in value.items():
            head = f"{indent}{_scalar(key)}:"
            lines += _yaml_entry(head, inner, origins, (*path, str(key)), depth)
        return lines
    key_of = {"partitions": "name", "logical_volumes": "name", "addressing": "network"}
    for inner in value:
        if isinstance(inner, dict):
            name = str(inner.get(key_of.get(path[-1], "")))
            inside = _yaml_lines(inner, origins, (*path, name), depth + 1)
            lines += [f"{indent}- {inside[0].lstrip()}", *inside[1:]]
        else:
            lines += _yaml_entry(f"{indent}-", inner, origins, (*path, str(inner)), depth)
    return lines


def _yaml_entry(
    head: str, value: object, origins: Mapping[Path, str], path: Path, depth: int
) -> list[str]:
    if value == {}:
        return [f"{head} {{}}"]
    if isinstance(value, dict | list):
        return [head, *_yaml_lines(value, origins, path, depth + 1)]
    origin = origins.get(path)
    return [f"{head} {_scalar(value)}" + (f"  # {origin}" if origin else "")]


def _scalar(value: object) -> str:
    """Return one value as YAML on one line."""
    text: str = yaml.safe_dump(value, width=10**9, allow_unicode=True, default_style=_style(value))
    return text.removesuffix("\n").removesuffix("\n...")


def _style(value: object) -> str | None:
    """Plain text spans lines when it has line breaks; quoted it does not."""
    return '"' if isinstance(value, str) and ("\n" in value or "\r" in value) else None

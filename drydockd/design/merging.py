"""How a child's fields are laid over its parent's: one rule per kind of field.

A value None or absent in the parent is one nobody gave. No result contains a ``!`` marker.
Source: contract, effective-design, section 2.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from drydockd.design.documents.fields import UNSET

Fields = Mapping[str, object]
# Given the child's value and the parent's, of what type the field is: checked on ingestion.
Rule = Callable[[Any, Any], object]


def scalar(value: object, inherited: object) -> object:
    """The child's value; ``!`` or -1 unsets it."""
    if value is None:
        return inherited
    if value == UNSET or (value.__class__ is int and value == -1):
        return None
    return value


def items(value: list[str], inherited: tuple[str, ...] | None) -> tuple[str, ...]:
    """The child's entries, then the parent's that were neither removed nor repeated."""
    own = [entry for entry in value if not entry.startswith(UNSET)]
    skipped = {*own, *(entry[1:] for entry in value if entry.startswith(UNSET))}
    return (*own, *(entry for entry in inherited or () if entry not in skipped))


def mapping(value: Fields, inherited: Fields | None) -> dict[str, object]:
    """The parent's keys in place, overridden or removed (``!key``, null), then new ones."""
    removed = {key[1:] for key in value if key.startswith(UNSET)}
    removed |= {key for key, entry in value.items() if entry is None}
    merged = {k: value.get(k, v) for k, v in (inherited or {}).items() if k not in removed}
    for key, entry in value.items():
        if entry is not None and not key.startswith(UNSET):
            merged[key] = entry
    return merged


def keyed(rules: Mapping[str, Rule]) -> Rule:
    """Return the rule for a list of entries with names, its fields under `rules`.

    Inherited entries keep their place; ``!name`` (or null) drops one, and a ``name`` beside
    it is then new. New entries come after, in the child's order.
    """

    def merge(
        value: Mapping[str, Fields | None], inherited: Mapping[str, Fields] | None
    ) -> dict[str, Fields]:
        removed = {name[1:] for name in value if name.startswith(UNSET)}
        removed |= {name for name, entry in value.items() if entry is None}
        merged: dict[str, Fields] = {}
        for name, entry in (inherited or {}).items():
            if name not in removed:
                own = value.get(name)
                merged[name] = entry if own is None else fields(own, entry, rules)
        for name, own in value.items():
            if own is not None and name not in merged and not name.startswith(UNSET):
                merged[name] = fields(own, {}, rules)
        return merged

    return merge


def fields(value: Fields, inherited: Fields, rules: Mapping[str, Rule]) -> dict[str, object]:
    """Lay the fields of `value` over `inherited`, each by its rule."""
    merged = dict(inherited)
    for name, own in value.items():
        merged[name] = rules[name](own, merged.get(name))
    return merged


_FILESYSTEM: dict[str, Rule] = {
    "formatted": scalar,
    "mountpoint": scalar,
    "fstype": scalar,
    "mount_options": scalar,
    "fs_uuid": scalar,
    "fs_label": scalar,
}
INTERFACE: dict[str, Rule] = {
    "network_link": scalar,
    "hardware_slaves": items,
    "networks": items,
    "sriov": scalar,
    "vf_count": scalar,
    "trustedmode": scalar,
}
PARTITION: dict[str, Rule] = {
    "size": scalar,
    "bootable": scalar,
    "part_uuid": scalar,
    "volume_group": scalar,
    **_FILESYSTEM,
}
LOGICAL_VOLUME: dict[str, Rule] = {"size": scalar, "lv_uuid": scalar, **_FILESYSTEM}
STORAGE_DEVICE: dict[str, Rule] = {
    "labels": mapping,
    "volume_group": scalar,
    "partitions": keyed(PARTITION),
}
VOLUME_GROUP: dict[str, Rule] = {"vg_uuid": scalar, "logical_volumes": keyed(LOGICAL_VOLUME)}
HOST: dict[str, Rule] = {
    "hardware_profile": scalar,
    "primary_network": scalar,
    "oob_type": scalar,
    "rack": scalar,
    "image": scalar,
    "kernel": scalar,
    "oob_parameters": mapping,
    "owner_data": mapping,
    "kernel_params": mapping,
    "tags": items,
    "interfaces": keyed(INTERFACE),
    "storage_devices": keyed(STORAGE_DEVICE),
    "volume_groups": keyed(VOLUME_GROUP),
}
"""The fields of a host; contract, effective-design, section 2.2."""

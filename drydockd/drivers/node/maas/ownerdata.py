"""Owner data as workload annotations: what MAAS takes as a key, and what it cannot keep.

A key that MAAS does not take is answered with HTTP 500, for ever. Source: contract, maas-facts,
row 3.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.drivers.node.maas.machine import DEPLOYMENT
from drydockd.errors import DriverUnsupported

_KEY = re.compile(r"[\w.-]+", re.ASCII)
# It would be read as the operation.
_RESERVED = ("op", DEPLOYMENT)


@dataclass(frozen=True, slots=True)
class Annotations:
    """`values` are what is sent; `notes` say what is kept under another name, or not at all."""

    values: Mapping[str, str]
    notes: tuple[str, ...] = field(default=())


def as_annotations(owner_data: Mapping[str, str]) -> Annotations:
    """Return the annotations of a node's owner data: ``a.b/c`` becomes ``a.b.c``.

    Raises DriverUnsupported: a key that cannot be one, or two keys that would become one.
    """
    values: dict[str, str] = {}
    origin: dict[str, str] = {}
    notes = []
    for key, value in owner_data.items():
        name = key.replace("/", ".")
        if _KEY.fullmatch(name) is None or name in _RESERVED:
            raise DriverUnsupported(
                f"owner_data: key {key!r}: MAAS takes letters, digits and _ . - (and / as .) only, "
                f"and neither {' nor '.join(_RESERVED)}"
            )
        if name in origin:
            raise DriverUnsupported(
                f"owner_data: keys {origin[name]!r} and {key!r} would both be {name!r} in MAAS"
            )
        origin[name] = key
        if not value:
            notes.append(f"owner_data {key} is empty: MAAS keeps no empty annotation")
            continue
        if name != key:
            notes.append(f"owner_data {key} is kept as {name}: MAAS takes no /")
        values[name] = value
    return Annotations(values, tuple(notes))

"""A compiled design on its way from the process that compiled it.

Pickles in a row, each of a few dozen objects: taken in together, a large site would hold the
interpreter, and with it the loop, until its last node. Only the classes of `drydockd.site` are
taken in: what compiled a stranger's design is not trusted with more.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import islice
from typing import Any

from drydockd import site as site_module
from drydockd.site import Finding, Note, Site

TOGETHER = 32
COLLECTIONS = (
    *("racks", "network_links", "networks", "hardware_profiles", "host_profiles", "nodes"),
    "bootactions",
)
Judged = Mapping[int, tuple[Finding, ...]]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A site, what was found wrong with it, and what the rules found, by the order of the rule.

    `judged` lacks the rules that were not asked yet. `size_bytes` is that of the parcel.
    """

    site: Site
    findings: tuple[Finding, ...]
    judged: Judged = field(default_factory=dict)
    size_bytes: int = 0


def pack(compiled: Compiled) -> bytes:
    """Return `compiled` as bytes."""
    out = io.BytesIO()
    # One pickler for all: what nodes share is written once, and shared again when it is read.
    pickler = _Pickler(out, pickle.HIGHEST_PROTOCOL)
    pickler.dump(("region", compiled.site.region))
    for name in COLLECTIONS:
        for some in _some(getattr(compiled.site, name).values()):
            pickler.dump((name, some))
    for name, entries in (("findings", compiled.findings), ("notes", compiled.site.notes)):
        for some in _some(entries):
            pickler.dump((name, some))
    for order, found in compiled.judged.items():
        pickler.dump((order, []))
        for some in _some(found):
            pickler.dump((order, some))
    return out.getvalue()


def unpack(parcel: bytes) -> Compiled:
    """Return what was packed. Raises UnpicklingError for what is no parcel. For a thread."""
    unpickler = _Unpickler(io.BytesIO(parcel))
    parts: dict[str, dict[str, object]] = {name: {} for name in COLLECTIONS}
    region, judged = None, dict[int, list[Finding]]()
    findings, notes = list[Finding](), list[Note]()
    while True:
        try:
            what, some = unpickler.load()
        except EOFError:
            break
        if what == "region":
            region = some
        elif what == "findings":
            findings += some
        elif what == "notes":
            notes += some
        elif what in parts:
            parts[what].update((one.name, one) for one in some)
        else:
            judged.setdefault(what, []).extend(some)
    return Compiled(
        Site(region=region, notes=tuple(notes), **parts),  # type: ignore[arg-type]
        tuple(findings),
        {order: tuple(found) for order, found in judged.items()},
        len(parcel),
    )


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: object) -> Any:
        # Python up to 3.11.3 looks a member up by getattr, which has no place in a parcel.
        return (type(value), (value.value,)) if isinstance(value, Enum) else NotImplemented


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        found = getattr(site_module, name, None) if name in site_module.__all__ else None
        if not isinstance(found, type) or found.__module__ != module:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong in a design")
        return found


def _some(values: Iterable[object]) -> Iterator[list[object]]:
    iterator = iter(values)
    while some := list(islice(iterator, TOGETHER)):
        yield some

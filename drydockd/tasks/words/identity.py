"""Whether a BMC is the node's: what it tells, held against what is known. Pure.

A contradiction is a certain "no"; everything that is less certain is a note, and what is not
told proves nothing. Source: contract, oob-faults, C.13 and C.24.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from drydockd.machines import Identity
from drydockd.site import Node, Site

# What boards say that nobody gave a number, in lower case and without blanks at the ends.
PLACEHOLDERS = frozenset(
    (
        "to be filled by o.e.m.",
        "to be filled by oem",
        "default string",
        "not specified",
        "not available",
        "not provided",
        "system serial number",
        "chassis serial number",
        "serial number",
        "unknown",
        "none",
        "null",
        "n/a",
        "na",
        "empty",
        "oem",
        "o.e.m.",
        "0123456789",
        "123456789",
        "1234567890",
    )
)
# Of boards by AMI, and of examples that vendors shipped.
PLACEHOLDER_UUIDS = frozenset(
    ("03000200-0400-0500-0006-000700080009", "12345678-1234-5678-90ab-cddeefaabbcc")
)
ONE_CHARACTER = re.compile(r"^(.)\1*$")
MAC = re.compile(r"^([0-9a-f]{2}:){5}[0-9a-f]{2}$")
NO_NAMES = frozenset(("", "localhost", "unknown", "none", "null", "n/a"))
PARTS = ("serial", "UUID", "MAC")
SHOWN_MACS = 4
LONGEST_SERIAL = 100


class Source(StrEnum):
    """Where something that is known comes from."""

    DESIGN = "design"  # demanded there: oob.serial, oob.uuid
    BOOT_MAC = "boot_mac"  # of the design: one of several
    INVENTORY = "inventory"  # complete, from the operating system
    ANSWER = "answer"  # of the same driver, earlier
    OTHER_ANSWER = "other_answer"  # of another driver


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a node and who says so, such as ``the inventory of 2026-01-31``."""

    source: Source
    said_by: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Other:
    """What is known of another node of the design."""

    node: str
    said_by: str
    identity: Identity


@dataclass(frozen=True, slots=True)
class Verdict:
    """Parts of sentences: why it is another machine, and what is odd but proves nothing."""

    contradictions: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Comparison:
    agreed: tuple[str, ...]
    differing: tuple[str, ...]


def known_serial(text: str | None) -> str | None:
    """Return a serial number; None for none and for a placeholder."""
    text = "".join(filter(str.isprintable, (text or "")[:LONGEST_SERIAL])).strip()
    is_none = not text or text.casefold() in PLACEHOLDERS or ONE_CHARACTER.match(text)
    return None if is_none else text


def known_uuid(text: str | None) -> str | None:
    """Return a UUID in its usual form; None for none, for a placeholder and for what is none."""
    try:
        read = uuid.UUID((text or "").strip())
    except ValueError:
        return None
    if str(read) in PLACEHOLDER_UUIDS or ONE_CHARACTER.match(read.hex):
        return None
    return str(read)


def uuid_key(text: str) -> str:
    """Return what is compared of a known UUID.

    SMBIOS before 2.6 left the order of bytes in the first three fields to the vendor, so tellers
    differ in it: of both readings it is the smaller one. Source: SMBIOS, 7.2.1.
    """
    read = uuid.UUID(text)
    return str(min(read, uuid.UUID(bytes=read.bytes_le)))


def keys(identity: Identity) -> Iterator[tuple[str, str]]:
    """Yield what is compared of a cleaned identity, each with its kind."""
    if identity.serial:
        yield "serial", identity.serial.casefold()
    if identity.uuid:
        yield "UUID", uuid_key(identity.uuid)
    for mac in identity.macs:
        yield "MAC", mac


def known_mac(text: str) -> str | None:
    """Return a MAC in lower case; None for what is no six octets or nobody's.

    Bluefield cards tell 20 octets. Source: contract, oob-faults, C.24.
    """
    text = text.strip().lower().replace("-", ":")
    is_none = not MAC.match(text) or text in ("00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff")
    return None if is_none else text


def cleaned(identity: Identity) -> Identity:
    """Return what of `identity` can tell machines apart."""
    macs = dict.fromkeys(mac for text in identity.macs if (mac := known_mac(text)))
    return Identity(known_serial(identity.serial), known_uuid(identity.uuid), tuple(macs))


def designed(node: Node) -> Identity:
    """Return what the design demands of a node's machine: the keys ``serial``, ``uuid`` of oob."""
    oob = node.oob_parameters
    return cleaned(Identity(oob.get("serial"), oob.get("uuid")))


def claims_of(site: Site) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Return which nodes the design says something to be of: by what is compared of it."""
    claims: dict[tuple[str, str], tuple[str, ...]] = {}
    for node in site.nodes.values():
        own = replace(designed(node), macs=boot_macs(node))
        for key in keys(own):
            claims[key] = (*claims.get(key, ()), node.name)
    return claims


def boot_macs(node: Node) -> tuple[str, ...]:
    mac = known_mac(node.boot_mac or "")
    return (mac,) if mac else ()


def is_empty(identity: Identity) -> bool:
    return not (identity.serial or identity.uuid or identity.macs)


def judge(told: Identity, known: Sequence[Known], others: Sequence[Other]) -> Verdict:
    """Hold what a BMC tells against what is known; all identities are `cleaned` ones.

    The design's demands, and what the same driver told before, must be met. Another teller
    may mean another number by "serial" (of a Dell the BMC tells the board's, the system its
    service tag), so that one differs counts only where nothing else agrees.
    """
    contradictions: list[str] = []
    notes: list[str] = []
    compared = [(one, _compare(told, one.identity)) for one in known]
    agreed = [part for _, comparison in compared for part in comparison.agreed]
    for one, comparison in compared:
        for part in comparison.differing:
            text = _difference(part, told, one)
            is_certain = _is_strict(one.source, part) or not agreed
            if one.source is Source.BOOT_MAC:
                is_certain = False
            (contradictions if is_certain else notes).append(text)
    for other in others:
        comparison = _compare(told, other.identity)
        if not comparison.agreed:
            continue
        shared = _shared(comparison.agreed[0], told, other.identity)
        text = f"the {shared} that it tells is that of {other.node} by {other.said_by}"
        is_certain = not comparison.differing and (comparison.agreed != ("MAC",) or not agreed)
        (contradictions if is_certain else notes).append(text)
    return Verdict(tuple(contradictions), tuple(notes))


def name_note(node: str, told: str | None) -> str | None:
    """Return what is to be said where a machine calls itself by another node's name."""
    own = (told or "").strip().partition(".")[0].casefold()
    if own in NO_NAMES or own == node.partition(".")[0].casefold():
        return None
    return f"it calls itself {own}"


def _is_strict(source: Source, part: str) -> bool:
    return source is Source.DESIGN or (source is Source.ANSWER and part != "MAC")


def _compare(told: Identity, known: Identity) -> _Comparison:
    mine, theirs = _by_part(told), _by_part(known)
    both = [part for part in PARTS if part in mine and part in theirs]
    return _Comparison(
        tuple(part for part in both if mine[part] & theirs[part]),
        tuple(part for part in both if not mine[part] & theirs[part]),
    )


def _by_part(identity: Identity) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for part, key in keys(identity):
        found.setdefault(part, set()).add(key)
    return found


def _difference(part: str, told: Identity, one: Known) -> str:
    return f"it tells {part} {_value(part, told)}, {one.said_by} says {_value(part, one.identity)}"


def _shared(part: str, told: Identity, other: Identity) -> str:
    if part == "MAC":
        return f"MAC {next(mac for mac in told.macs if mac in other.macs)}"
    return f"{part} {_value(part, told)}"


def _value(part: str, identity: Identity) -> str:
    if part == "MAC":
        macs = identity.macs
        more = f" and {len(macs) - SHOWN_MACS} more" if len(macs) > SHOWN_MACS else ""
        return ", ".join(macs[:SHOWN_MACS]) + more
    return (identity.serial if part == "serial" else identity.uuid) or ""

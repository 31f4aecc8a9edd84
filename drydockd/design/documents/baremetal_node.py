"""BaremetalNode: one machine. Source: contract, design, section 3.7."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN, Address
from drydockd.design.documents.host import HostBody, Violation, duplicates
from drydockd.machines import canonical_mac
from drydockd.site import Addressing


@with_config(OPEN)
class AddressingBody(TypedDict):
    network: str
    address: Address


@with_config(CLOSED)
class Body(HostBody, total=False):
    addressing: Required[list[AddressingBody]]


def violations(body: Body) -> Iterator[Violation]:
    """What no type says: names that occur twice, and a boot MAC in no notation."""
    yield from duplicates(body)
    written = body.get("metadata", {}).get("boot_mac")
    if written and canonical_mac(written) is None:
        yield (
            ("metadata", "boot_mac"),
            f"a MAC address such as 52:54:00:aa:bb:01 is required, not {written!r:.60}",
        )


def boot_mac(body: Body) -> str | None:
    """The node's boot MAC in the one notation we keep."""
    return canonical_mac(body.get("metadata", {}).get("boot_mac", ""))


def addressing(body: Body) -> tuple[Addressing, ...]:
    """The node's addresses, in document order; they are not inherited."""
    return tuple(
        Addressing(entry["network"], "dhcp")
        if entry["address"] == "dhcp"
        else Addressing(entry["network"], "static", entry["address"])
        for entry in body["addressing"]
    )

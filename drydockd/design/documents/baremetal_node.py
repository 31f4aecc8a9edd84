"""BaremetalNode: one machine. Source: contract, design, section 3.7."""

from __future__ import annotations

from typing import Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN, Address
from drydockd.design.documents.host import HostBody
from drydockd.site import Addressing


@with_config(OPEN)
class AddressingBody(TypedDict):
    network: str
    address: Address


@with_config(CLOSED)
class Body(HostBody, total=False):
    addressing: Required[list[AddressingBody]]


def addressing(body: Body) -> tuple[Addressing, ...]:
    """The node's addresses, in document order; they are not inherited."""
    return tuple(
        Addressing(entry["network"], "dhcp")
        if entry["address"] == "dhcp"
        else Addressing(entry["network"], "static", entry["address"])
        for entry in body["addressing"]
    )

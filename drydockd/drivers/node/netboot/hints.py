"""What a hardware profile says of how machines start, held against how this one does. Pure.

Informative fields: a difference is worth a word to the operator and stops nothing.
Source: contract, node-provisioner, section 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from drydockd.machines import canonical_mac
from drydockd.site import HardwareProfile

PROTOCOL = "pxe"


def hints(
    profile: HardwareProfile | None, mac: str, nics: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield a sentence per difference. `nics` as the agent tells them: name, mac, bus_address;
    `mac` is the one that the machine started from."""
    if profile is None:
        return
    protocol = profile.bootstrap_protocol
    if protocol is not None and protocol != PROTOCOL:
        yield f"bootstrap_protocol is {protocol}, and netboot starts machines by {PROTOCOL}"
    wanted = profile.pxe_interface
    if wanted is None or not wanted.isdecimal():
        return
    in_order = sorted(nics, key=lambda nic: str(nic.get("bus_address", "")))
    if int(wanted) >= len(in_order):
        yield f"pxe_interface is {wanted}, and it has {len(in_order)} NICs, counted from 0"
    elif canonical_mac(str(in_order[int(wanted)].get("mac", ""))) != mac:
        name = in_order[int(wanted)].get("name")
        yield f"it starts from {mac}, and pxe_interface {wanted} is {name} by bus address"

"""What the lab's switches tell their ports of themselves: inspections hear a neighbour on each NIC.

A machine at its inspection waits for a switch as long as the slowest one takes, 32 s; these speak
every second, as real ones do when they see a new neighbour.
Source: IEEE 802.1AB, 8.5 (TLVs), 9.2.5.5 (fast transmission).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Sequence

log = logging.getLogger(__name__)

NEAREST_BRIDGE = bytes.fromhex("0180c200000e")
ETHERTYPE = 0x88CC
ORGANISATION_8021 = b"\x00\x80\xc2"
FAST_SECONDS, HOLD_SECONDS = 1.0, 120
# Subtypes: a chassis by its MAC (4), a port by its name on the switch (7).
BY_MAC, BY_NAME = b"\x04", b"\x07"


def frame(chassis: bytes, system: str, port: str, vlan: int | None = None) -> bytes:
    """Return what a switch says by one port; `chassis` is its MAC, `vlan` the one it has tagged."""
    tlvs = [
        (1, BY_MAC + chassis),
        (2, BY_NAME + port.encode()),
        (3, struct.pack(">H", HOLD_SECONDS)),
        (5, system.encode()),
    ]
    if vlan is not None:
        name = f"vlan{vlan}".encode()
        tlvs.append((127, ORGANISATION_8021 + b"\x03" + struct.pack(">HB", vlan, len(name)) + name))
    tlvs.append((0, b""))
    body = b"".join(struct.pack(">H", kind << 9 | len(value)) + value for kind, value in tlvs)
    return NEAREST_BRIDGE + chassis + struct.pack(">H", ETHERTYPE) + body


class Speaker:
    """Says what it was given by each port, over and over, while the loop runs."""

    def __init__(self, says: Sequence[Callable[[], None]]) -> None:
        self._says = says
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        for say in self._says:
            say()
        self._next = asyncio.get_running_loop().call_later(FAST_SECONDS, self.start)

    def close(self) -> None:
        if self._next is not None:
            self._next.cancel()


def tap_voice(tap: str, said: bytes) -> Callable[[], None]:
    """Return what sends `said` to the machine behind a tap: a bridge passes no such frame on."""

    def say() -> None:
        try:
            with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
                raw.bind((tap, ETHERTYPE))
                raw.send(said)
        except OSError as error:
            # No machine at its other end: off.
            log.debug("%s: not told of its switch: %s", tap, error)

    return say

"""Neighbours by LLDP, heard on raw sockets: lldpd would bring 50 MB of snmp and perl.

Source: IEEE 802.1AB; ethertype 88cc, a frame is a list of TLVs of 7 bits type and 9 bits length.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from typing import Any

ETHERTYPE = 0x88CC
HEAD_BYTES = 14
# linux/if_packet.h
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_MULTICAST = 263, 1, 0
# Switches send every 30 s.
LISTEN_SECONDS = 32.0
# Where they send it: the nearest bridge, the nearest that is no relay, the nearest of a customer.
GROUPS = tuple(bytes.fromhex(f"0180c20000{last}") for last in ("0e", "03", "00"))
_ORGANISATION_8021 = b"\x00\x80\xc2"


def neighbours(names: Sequence[str], seconds: float = LISTEN_SECONDS) -> dict[str, Any]:
    """Return what was heard per interface within `seconds`; ends early when all have spoken.

    An interface that cannot be listened to is heard nothing from. Raises OSError without the right
    to listen at all.
    """
    sockets: dict[socket.socket, str] = {}
    heard: dict[str, Any] = {}
    try:
        for name in names:
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETHERTYPE))
            sockets[raw] = name
            try:
                raw.bind((name, ETHERTYPE))
                _join(raw, name)
            except OSError:
                del sockets[raw]
                raw.close()
        until = time.monotonic() + seconds
        while len(heard) < len(sockets) and (left := until - time.monotonic()) > 0:
            ready, _, _ = select.select(list(sockets), [], [], left)
            for raw in ready:
                heard |= _heard(raw, sockets[raw])
    finally:
        for raw in sockets:
            raw.close()
    return heard


def _join(raw: socket.socket, name: str) -> None:
    """Let the NIC take what is sent to the groups: its filter drops what nobody asked for.

    Source: packet(7), struct packet_mreq.
    """
    for group in GROUPS:
        wanted = struct.pack("iHH8s", socket.if_nametoindex(name), PACKET_MR_MULTICAST, 6, group)
        raw.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, wanted)


def _heard(raw: socket.socket, name: str) -> dict[str, Any]:
    try:
        found = decode(raw.recv(2048)[HEAD_BYTES:])
    except OSError:
        # The interface went down: it is told once, and may come up again.
        return {}
    return {name: found} if found else {}


def decode(data: bytes) -> dict[str, Any]:
    """Return the neighbour a frame tells; what is malformed is left out."""
    found: dict[str, Any] = {}
    for kind, value in _tlvs(data):
        if kind == 1 and len(value) > 1:
            found["chassis"] = _identity(value, mac_subtype=4)
        elif kind == 2 and len(value) > 1:
            found["port"] = _identity(value, mac_subtype=3)
        elif kind == 4:
            found["port_description"] = _text(value)
        elif kind == 5:
            found["system"] = _text(value)
        elif kind == 6:
            found["system_description"] = _text(value)
        elif kind == 127 and value[:4] == _ORGANISATION_8021 + b"\x01" and len(value) == 6:
            found["native_vlan"] = int.from_bytes(value[4:], "big")
        elif kind == 127 and value[:4] == _ORGANISATION_8021 + b"\x03" and len(value) > 7:
            vlan = int.from_bytes(value[4:6], "big")
            found.setdefault("vlans", {})[str(vlan)] = _text(value[7:])
    return found


def _tlvs(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 2 <= len(data):
        head = int.from_bytes(data[at : at + 2], "big")
        kind, length = head >> 9, head & 0x1FF
        if kind == 0 or at + 2 + length > len(data):
            return
        yield kind, data[at + 2 : at + 2 + length]
        at += 2 + length


def _identity(value: bytes, mac_subtype: int) -> str:
    if value[0] == mac_subtype and len(value) == 7:
        return value[1:].hex(":")
    return _text(value[1:])


def _text(value: bytes) -> str:
    text = value.decode(errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()

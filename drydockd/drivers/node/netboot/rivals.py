"""Other DHCP servers on a boot network: asks for an address as PXE firmware does, takes none.

Source: RFC 2131, RFC 2132; the PXE specification 2.1 for options 60 and 93.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass

SERVER_PORT, CLIENT_PORT = 67, 68
COOKIE = b"\x63\x82\x53\x63"
MESSAGE_TYPE, SERVER_ID, VENDOR_CLASS, BOOT_FILE, ARCHITECTURE = 53, 54, 60, 67, 93
DISCOVER, OFFER = 1, 2
# Servers that first look whether an address is in use (dnsmasq without no-ping) take 3 s.
SECONDS, PAUSE = 5.0, 2.0
_HEADER = struct.Struct("!BBBB4sHH4s4s4s4s16s64s128s")


@dataclass(frozen=True, slots=True)
class Offer:
    """What a server offered: `address` is None where it adds only what to start from."""

    server: str
    address: str | None
    boot_file: str | None


def discover(mac: bytes, xid: bytes) -> bytes:
    """Return a DHCPDISCOVER of PXE firmware with that MAC (6 bytes); xid has 4 bytes."""
    nowhere = bytes(4)
    header = _HEADER.pack(
        1, 1, 6, 0, xid, 0, 0x8000, nowhere, nowhere, nowhere, nowhere, mac, b"", b""
    )
    vendor = b"PXEClient:Arch:00007:UNDI:003001"
    options = (
        bytes((MESSAGE_TYPE, 1, DISCOVER))
        + bytes((VENDOR_CLASS, len(vendor)))
        + vendor
        + bytes((ARCHITECTURE, 2, 0, 7))
        + bytes((94, 3, 1, 3, 1))
        + bytes((55, 6, 1, 3, 6, 54, 66, 67))
        + b"\xff"
    )
    return header + COOKIE + options


def parse_offer(packet: bytes, sender: str) -> Offer | None:
    """Return the offer of a packet from `sender`; None for anything else."""
    if len(packet) < _HEADER.size + 4 or packet[0] != 2 or packet[236:240] != COOKIE:
        return None
    options = dict(_options(packet[240:]))
    if options.get(MESSAGE_TYPE) != bytes((OFFER,)):
        return None
    told = options.get(SERVER_ID, b"")
    address = ipaddress.IPv4Address(packet[16:20])
    name = options.get(BOOT_FILE) or packet[108:236].split(b"\0")[0]
    return Offer(
        server=str(ipaddress.IPv4Address(told)) if len(told) == 4 else sender,
        address=None if int(address) == 0 else str(address),
        boot_file=name.rstrip(b"\0").decode("ascii", "replace")[:200] or None,
    )


def _options(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place < len(data) and data[place] != 255:
        if data[place] == 0:
            place += 1
            continue
        if place + 1 >= len(data):
            return
        size = data[place + 1]
        if place + 2 + size > len(data):
            return
        yield data[place], data[place + 2 : place + 2 + size]
        place += 2 + size


async def offers(interface: str, seconds: float = SECONDS) -> list[Offer]:
    """Return what every server on `interface` offers, ours on this host excepted: it does not
    hear its own host. Needs CAP_NET_BIND_SERVICE. Raises OSError."""
    found: dict[Offer, None] = {}
    loop = asyncio.get_running_loop()
    # A MAC of nobody (locally administered), another each time.
    question = discover(b"\x02" + os.urandom(5), os.urandom(4))
    with _socket(interface) as one:
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            await loop.sock_sendto(one, question, ("255.255.255.255", SERVER_PORT))
            await _heard(one, found, min(PAUSE, left))
    return list(found)


async def _heard(one: socket.socket, found: dict[Offer, None], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            while True:
                packet, sender = await asyncio.get_running_loop().sock_recvfrom(one, 4096)
                if (offer := parse_offer(packet, sender[0])) is not None:
                    found[offer] = None
    except TimeoutError:
        return


def _socket(interface: str) -> socket.socket:
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        made.bind(("", CLIENT_PORT))
    except BaseException:
        made.close()
        raise
    return made

"""The switch that bonds are plugged into, in user space: two ports a machine, one VLAN of the host.

Machines send and get frames tagged with the VLAN; the host's port has them untagged. To each
machine it is an LACP partner whose two ports aggregate. Kernels of test machines have neither
bonding nor 8021q, so that no bridge of theirs can be this.
Source: IEEE 802.1AX, 6.4.2.3 (LACPDU); IEEE 802.1Q, 9.6 (tag).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

log = logging.getLogger(__name__)

TAG = b"\x81\x00"
SLOW_PROTOCOLS = bytes.fromhex("0180c2000002")
LACP = b"\x88\x09\x01"
SYSTEM = bytes.fromhex("02dd00000001")
# Activity, short timeout, aggregation, synchronization, collecting, distributing.
STATE = 0b00111111
VLAN_MASK = 0x0FFF
LARGEST_FRAME = 65536
MOST_LEARNT = 4096
# Frames taken from one port before the loop has its turn again.
BURST = 64


@dataclass(frozen=True, slots=True, order=True)
class Port:
    """A port of the switch: of a machine (1 ...) and which of its ports; machine 0 is the host."""

    machine: int
    index: int


HOST = Port(0, 0)
Sent = tuple[Port, bytes]


@dataclass(slots=True)
class Switch:
    """What a frame becomes; no I/O."""

    vlan: int
    ports: Sequence[Port]
    _learnt: dict[bytes, Port] = field(default_factory=dict)

    def taken(self, port: Port, frame: bytes) -> Iterator[Sent]:
        """Yield what goes out of which port for a frame that came in by `port`."""
        if frame[:6] == SLOW_PROTOCOLS:
            if frame[12:15] == LACP and port != HOST:
                yield port, lacp_answer(frame, port)
            return
        plain = frame if port == HOST else untagged(frame, self.vlan)
        if plain is None or len(plain) < 14:
            return
        if len(self._learnt) < MOST_LEARNT or plain[6:12] in self._learnt:
            self._learnt[plain[6:12]] = port
        known = None if plain[0] & 1 else self._learnt.get(plain[:6])
        for target in [known] if known else self._others(port):
            if target.machine != port.machine:
                yield target, plain if target == HOST else tagged(plain, self.vlan)

    def _others(self, port: Port) -> Iterator[Port]:
        """One port of every machine but the sender's, and the host: a bond takes a frame once."""
        seen = {port.machine}
        for other in (HOST, *self.ports):
            if other.machine not in seen:
                seen.add(other.machine)
                yield other


def tagged(frame: bytes, vlan: int) -> bytes:
    return frame[:12] + TAG + struct.pack(">H", vlan) + frame[12:]


def untagged(frame: bytes, vlan: int) -> bytes | None:
    """Return the frame without its tag, None if it is of no or another VLAN."""
    if frame[12:14] != TAG or len(frame) < 18:
        return None
    if struct.unpack(">H", frame[14:16])[0] & VLAN_MASK != vlan:
        return None
    return frame[:12] + frame[16:]


def lacp_answer(frame: bytes, port: Port) -> bytes:
    """Return the LACPDU of a partner who agrees: what came as the actor goes back as the partner.

    All ports of a machine have one key: they aggregate.
    """
    actor = frame[18:36]
    number = port.machine * 16 + port.index + 1
    ours = struct.pack(">H6sHHHB3x", 1, SYSTEM, port.machine, 1, number, STATE)
    source = SYSTEM[:5] + bytes([number & 0xFF])
    blocks = b"\x01\x14" + ours + b"\x02\x14" + actor + b"\x03\x10" + bytes(14)
    return SLOW_PROTOCOLS + source + LACP + b"\x01" + blocks + bytes(52)


class Trunk:
    """A running Switch: each port of a machine is a pair of Unix sockets, the host's a tap."""

    def __init__(self, vlan: int, ports: dict[Port, tuple[Path, Path]], tap: int) -> None:
        """`ports` maps a port to the machine's socket and ours; `tap` is a descriptor of ours."""
        self._switch = Switch(vlan, sorted(ports))
        self._targets = {port: str(theirs) for port, (theirs, _) in ports.items()}
        self._sockets = {port: _bound(ours) for port, (_, ours) in ports.items()}
        self._tap = tap
        os.set_blocking(tap, False)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        for port, end in self._sockets.items():
            loop.add_reader(end, self._read, port, lambda end=end: end.recv(LARGEST_FRAME))
        loop.add_reader(self._tap, self._read, HOST, lambda: os.read(self._tap, LARGEST_FRAME))

    def say(self, port: Port, frame: bytes) -> None:
        """Send a frame of the switch's own out of a port."""
        self._send(port, frame)

    def _read(self, port: Port, take: Callable[[], bytes]) -> None:
        with contextlib.suppress(BlockingIOError):
            for _ in range(BURST):
                for target, frame in self._switch.taken(port, take()):
                    self._send(target, frame)

    def _send(self, port: Port, frame: bytes) -> None:
        """As a wire does: a full or unplugged port loses the frame."""
        try:
            if port == HOST:
                os.write(self._tap, frame)
            else:
                self._sockets[port].sendto(frame, self._targets[port])
        except OSError as error:
            log.debug("trunk: %s loses a frame: %s", port, error)

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        for end in self._sockets.values():
            loop.remove_reader(end)
            end.close()
        loop.remove_reader(self._tap)


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    end = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    end.setblocking(False)
    end.bind(str(path))
    return end

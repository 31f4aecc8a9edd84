"""Through which interface of this host a TCP connection came in, as the kernel tells.

No privilege is needed, and no address can pretend it: it is where the last packet of the handshake
came from. Source: ip(7), IP_PKTINFO; ipv6(7); Linux, tcp_v4_syn_recv_sock and IP_PKTOPTIONS.
"""

from __future__ import annotations

import socket
import struct

# Of <linux/in.h> and <linux/in6.h>; the module socket has no names for them.
IP_PKTINFO, IP_PKTOPTIONS = 8, 9
IPV6_2292PKTINFO, IPV6_2292PKTOPTIONS = 2, 6
# cmsghdr: its length, level and type; what it holds begins behind them.
_HEADER = struct.Struct("@Nii")
_INDEX = struct.Struct("@i")
_ADDRESS_BYTES = 16
_ROOM = 256


def interface_of(connection: socket.socket) -> str | None:
    """Return its name, such as ``eth1``; None where the kernel does not tell, or it is gone."""
    try:
        index = _index(connection)
        return socket.if_indextoname(index) if index else None
    except (OSError, struct.error):
        return None


def is_told() -> bool:
    """Whether this kernel tells it at all: tried with a connection of this host to itself."""
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as listener,
            socket.create_connection(listener.getsockname(), timeout=5),
        ):
            listener.settimeout(5)
            connection, _ = listener.accept()
            with connection:
                return interface_of(connection) is not None
    except OSError:
        return False


def _index(connection: socket.socket) -> int:
    """Return the number of the interface, 0 if none was told. Raises OSError, struct.error."""
    if connection.family == socket.AF_INET6:
        told = _told(connection, socket.IPPROTO_IPV6, IPV6_2292PKTINFO, IPV6_2292PKTOPTIONS)
        return int(_INDEX.unpack_from(told, _HEADER.size + _ADDRESS_BYTES)[0])
    told = _told(connection, socket.IPPROTO_IP, IP_PKTINFO, IP_PKTOPTIONS)
    return int(_INDEX.unpack_from(told, _HEADER.size)[0])


def _told(connection: socket.socket, level: int, wanted: int, ask: int) -> bytes:
    connection.setsockopt(level, wanted, 1)
    told = connection.getsockopt(level, ask, _ROOM)
    _, of, kind = _HEADER.unpack_from(told)
    if (of, kind) != (level, wanted):
        raise OSError("the kernel told something else")
    return told

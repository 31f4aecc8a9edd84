"""Which UDP ports of this host somebody has open, as the kernel tells. Source: proc_net_udp(5)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

# Below self, as ProcSubset=pid of the unit hides the other name.
UDP_TABLES = (Path("/proc/self/net/udp"), Path("/proc/self/net/udp6"))


def udp_ports(tables: Sequence[Path] = UDP_TABLES) -> set[int]:
    """Return the local ports of all UDP sockets. Raises OSError; a host without IPv6 is none."""
    return {port for table in tables if table.exists() for port in _ports(table.read_text())}


def is_served(port: int, tables: Sequence[Path] = UDP_TABLES) -> bool:
    return port in udp_ports(tables)


def _ports(table: str) -> Iterator[int]:
    for line in table.splitlines()[1:]:
        _, _, port = line.split()[1].rpartition(":")
        yield int(port, 16)

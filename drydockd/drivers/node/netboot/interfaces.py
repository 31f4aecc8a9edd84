"""This host's interfaces and their addresses, as the kernel has them now. Source: ip-address(8)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from drydockd.drivers.node.netboot.dhcpconf import LocalInterface
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent

PROGRAM = Program("ip", "iproute2")
SECONDS = 10.0


async def local_interfaces() -> list[LocalInterface]:
    """Return the interfaces that have an address, without loopback. Raises DriverPersistent."""
    program = PROGRAM.path()
    if program is None:
        raise DriverPersistent(f"netboot needs {PROGRAM}")
    child = await asyncio.create_subprocess_exec(
        program, "-json", "address", "show",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            told, said = await child.communicate()
    except TimeoutError as error:
        child.kill()
        await child.wait()
        raise DriverPersistent(f"ip address show: no answer within {SECONDS:g} s") from error
    if child.returncode:
        raise DriverPersistent(f"ip address show: {said.decode(errors='replace').strip()}")
    return parse(orjson.loads(told))


def parse(links: Sequence[Mapping[str, Any]]) -> list[LocalInterface]:
    """Return the interfaces of ``ip -json address show``."""
    found = []
    for link in links:
        addresses = tuple(
            f"{entry['local']}/{entry['prefixlen']}"
            for entry in link.get("addr_info", ())
            if entry.get("scope") != "link" and "local" in entry
        )
        if addresses and "LOOPBACK" not in link.get("flags", ()):
            found.append(LocalInterface(link["ifname"], addresses))
    return found

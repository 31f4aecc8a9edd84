"""What the host has of the lab's networks: a bridge of taps to boot from, a tap into the trunk.

Each lab of a host has a number of its own, and by it names and addresses. The trunk's tap goes
with the process; bridge and taps are removed at the end, or by ``ip link delete`` after a kill -9.
"""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from drydockd.errors import Unavailable

TUN = Path("/dev/net/tun")
# linux/if_tun.h
TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
MOST_LABS = 10
VLAN = 21


@dataclass(frozen=True, slots=True)
class Plan:
    """Names and addresses of lab `number`."""

    number: int

    @property
    def bridge(self) -> str:
        return f"ddlab{self.number}"

    @property
    def trunk(self) -> str:
        return f"ddlab{self.number}-v{VLAN}"

    def tap(self, machine: int) -> str:
        return f"ddlab{self.number}-{machine}"

    @property
    def boot_cidr(self) -> str:
        return f"10.221.{self.number}.0/24"

    @property
    def system_cidr(self) -> str:
        return f"10.222.{self.number}.0/24"

    @property
    def bmc_cidr(self) -> str:
        return f"127.221.{self.number}.0/24"

    @property
    def boot_address_6(self) -> str:
        """Of the host, with its prefix; nobody is expected to use it."""
        return f"fd00:dd:{self.number}::1/64"

    def boot_address(self, machine: int) -> str:
        """Of a machine on the network it boots from; 0 is the host."""
        return f"10.221.{self.number}.{machine + (10 if machine else 1)}"

    def system_address(self, machine: int) -> str:
        """The same on the VLAN of the installed systems."""
        return f"10.222.{self.number}.{machine + (10 if machine else 1)}"

    def bmc_address(self, machine: int) -> str:
        return f"127.221.{self.number}.{machine + 10}"


class Wires:
    """The interfaces of one lab; `trunk` is the descriptor of its tap."""

    def __init__(self, plan: Plan, trunk: int) -> None:
        self.plan = plan
        self.trunk = trunk
        self._taps: list[str] = []

    @classmethod
    def laid(cls) -> Wires:
        """Make bridge and trunk of the first number that is free. Raises Unavailable."""
        for number in range(MOST_LABS):
            plan = Plan(number)
            if not _is_interface(plan.bridge) and not _is_interface(plan.trunk):
                return cls._laid(plan)
        raise Unavailable(
            f"ddlab0 to ddlab{MOST_LABS - 1} are all there: remove those of labs that are gone "
            "with: ip link delete ddlab0"
        )

    @classmethod
    def _laid(cls, plan: Plan) -> Wires:
        trunk = _tap(plan.trunk)
        wires = cls(plan, trunk)
        try:
            _ip("link", "add", plan.bridge, "type", "bridge")
            _ip("address", "add", f"{plan.boot_address(0)}/24", "dev", plan.bridge)
            # For a router advertisement, which iPXE waits for.
            _ip("address", "add", plan.boot_address_6, "dev", plan.bridge, "nodad")
            _ip("address", "add", f"{plan.system_address(0)}/24", "dev", plan.trunk)
            for name in (plan.bridge, plan.trunk):
                _ip("link", "set", name, "up")
        except BaseException:
            wires.close()
            raise
        return wires

    def plug(self, machine: int) -> str:
        """Return the tap for a machine's port to boot from."""
        name = self.plan.tap(machine)
        if _is_interface(name):
            _ip("link", "delete", name)
        _ip("tuntap", "add", name, "mode", "tap")
        self._taps.append(name)
        _ip("link", "set", name, "master", self.plan.bridge, "up")
        return name

    def close(self) -> None:
        for name in (*self._taps, self.plan.bridge):
            if _is_interface(name):
                _ip("link", "delete", name)
        os.close(self.trunk)


def _tap(name: str) -> int:
    """Return the descriptor of a new tap, which goes when that is closed."""
    try:
        descriptor = os.open(TUN, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise Unavailable(f"the lab's networks need {TUN}: {error.strerror}") from error
    request = struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI)
    try:
        fcntl.ioctl(descriptor, TUNSETIFF, request)
    except OSError as error:
        os.close(descriptor)
        raise Unavailable(f"no tap {name} ({error.strerror}); taps need CAP_NET_ADMIN") from error
    return descriptor


def _is_interface(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def _ip(*words: str) -> None:
    done = subprocess.run(  # noqa: S603
        ["ip", *words],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")

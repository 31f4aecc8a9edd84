"""One call of drydockd at one libvirt domain: looks, orders, and what they mean."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from drydockd.drivers.oob import domain
from drydockd.drivers.oob.attempts import repeated
from drydockd.drivers.oob.virsh import Hypervisor, Virsh
from drydockd.errors import DriverError, DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from drydockd.site import Node

T = TypeVar("T")

# A suspended guest keeps what it has in memory: it is on. Source: contract, oob-faults, F.
STATES = {
    **dict.fromkeys(
        ("running", "idle", "blocked", "paused", "pmsuspended", "in shutdown"), PowerState.ON
    ),
    **dict.fromkeys(("shut off", "crashed"), PowerState.OFF),
}
LOOK = "look at the domain"


@dataclass(frozen=True, slots=True)
class Seen:
    """A domain as one look found it; `definition` is that of its next start."""

    state: str
    is_active: bool
    is_persistent: bool
    definition: domain.Definition
    text: str = field(repr=False)  # with its secrets

    @property
    def power(self) -> PowerState:
        return STATES.get(self.state, PowerState.UNKNOWN)


class DomainCall:
    """Asks until `until`, a time of the loop's clock. Each method raises the DriverErrors."""

    def __init__(
        self, virsh: Virsh, node: Node, at: Hypervisor, until: float, pauses: Sequence[float]
    ) -> None:
        self._virsh = virsh
        self._node = node
        self._pauses = pauses
        self.at = at
        self.until = until

    async def repeated(self, operation: Callable[[], Awaitable[T]]) -> T:
        """Do all of `operation` again while it fails in a way that may pass."""
        return await repeated(operation, until=self.until, pauses=self._pauses)

    async def timed_look(self) -> tuple[Seen, float]:
        """Whatever has the node's name, and the seconds it took to ask."""
        clock = asyncio.get_running_loop().time
        began = clock()
        seen = await self._look()
        return seen, clock() - began

    async def look(self) -> Seen:
        """The node's domain; one that is another's is DriverPersistent."""
        seen = await self._look()
        name, macs = seen.definition.name, seen.definition.macs
        # virsh takes a number for a domain's of the moment, before it takes it for a name.
        if name != self._node.name:
            raise self._lasting(f"has that for another name of the domain {name}")
        mac = (self._node.boot_mac or "").lower()
        if mac and mac not in macs:
            raise self._lasting(
                f"has a domain of that name with the MAC addresses {', '.join(macs) or '(none)'}, "
                f"not the node's boot_mac {mac}: it may be another machine"
            )
        return seen

    async def switch(self, wanted: PowerState) -> bool:
        """Make it go on or off; return whether it had to be told.

        What virsh says of that does not count when the domain is found as wanted after it.
        """
        seen = await self.look()
        if seen.power is wanted:
            return False
        if not seen.is_persistent:
            raise self._lasting("has it as a transient domain, which is gone once it is off")
        try:
            if wanted is PowerState.OFF or seen.is_active:  # a crashed one has to go first
                await self._run("turn the power off", "destroy", seen.definition.uuid, is_act=True)
            if wanted is PowerState.ON:
                await self._run("turn the power on", "start", seen.definition.uuid, is_act=True)
        except DriverError:
            if (await self.look()).power is not wanted:
                raise
        return True

    async def set_boot(self, first: str) -> None:
        """Write the definition of the next start, and read it back."""
        seen = await self.look()
        text = await self._booting_from(seen, first)
        if text is None:
            return
        what = "set the boot device"
        # Not in a file: with its secrets it would lie on a disk.
        fd = os.memfd_create("domain", os.MFD_CLOEXEC)
        try:
            with os.fdopen(os.dup(fd), "w", encoding="utf-8") as file:
                file.write(text)
            await self._run(what, "define", f"/proc/self/fd/{fd}", pass_fds=(fd,), is_act=True)
        finally:
            os.close(fd)
        if await self._booting_from(await self.look(), first) is not None:
            raise DriverTransient(
                f"{self.at.node}: {what}: {self.at.name} took it, and reads another back"
            )

    async def _booting_from(self, seen: Seen, first: str) -> str | None:
        try:
            return await asyncio.to_thread(
                domain.booting_from, seen.text, first, self._node.boot_mac
            )
        except domain.Unusable as error:
            raise self._lasting(f"has a domain that {error}") from None

    async def _look(self) -> Seen:
        """State and definition in one connection."""
        name = self._node.name
        text = await self._run(LOOK, f"dominfo {name}; dumpxml {name} --inactive --security-info")
        head, start, xml = text.partition("<domain")
        lines = dict(_field(line) for line in head.splitlines() if ":" in line)
        if not start or "State" not in lines:
            raise DriverTransient(f"{self.at.node}: {LOOK}: {self.at.name} told half of it")
        try:
            # In a thread: a large one takes 0.1 s.
            definition = await asyncio.to_thread(domain.read, (start + xml).strip())
        except domain.Unusable as error:
            raise self._lasting(f"has a domain that {error}") from None
        return Seen(
            state=lines["State"],
            is_active=lines.get("Id", "-") != "-",
            is_persistent=lines.get("Persistent") != "no",
            definition=definition,
            text=(start + xml).strip(),
        )

    async def _run(
        self, what: str, *words: str, pass_fds: Sequence[int] = (), is_act: bool = False
    ) -> str:
        return await self._virsh.run(
            self.at, what, *words, until=self.until, pass_fds=pass_fds, is_act=is_act
        )

    def _lasting(self, what: str) -> DriverPersistent:
        return DriverPersistent(f"{self.at.node}: {self.at.name} {what}")


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name.strip(), value.strip()

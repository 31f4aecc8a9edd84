"""What iPXE, agents and first boots ask, decided on the machines' records. No HTTP.

Every change is durable before the answer that it permits. Raises of `errors`: Unauthenticated
(401), Forbidden (403, wrong phase), Conflict (409, superseded), TooLarge, TooMany.
Source: contract, netboot, sections 3, 4 and 10.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from drydockd.drivers.node.netboot import machine as ways
from drydockd.drivers.node.netboot.identity import contradiction
from drydockd.drivers.node.netboot.machine import Machine, Phase
from drydockd.drivers.node.netboot.messages import End, Hello, InventoryReport, Progress
from drydockd.drivers.node.netboot.records import Machines, document_name
from drydockd.drivers.node.netboot.script import LOCAL_BOOT, AgentFiles, AgentStart, agent_script
from drydockd.drivers.node.netboot.strangers import Strangers
from drydockd.drivers.node.netboot.tokens import BootTokens, is_same
from drydockd.errors import Conflict, DriverConflict, Forbidden, Unauthenticated
from drydockd.machines import NodeState, canonical_mac

log = logging.getLogger(__name__)

# A script asked for while the agent was heard this lately is another machine's.
TWIN_SECONDS = 5.0
# Notes about one machine in a minute; what a stranger makes happen more often is not told again.
NOTES_A_MINUTE = 6
NOTES = 20

WAIT: Mapping[str, Any] = {"do": "wait"}


@dataclass(frozen=True, slots=True)
class Request:
    """Who asks iPXE's question, as it says itself, and from where: its address, and the interface
    of this host that it came in through, None if the kernel does not tell."""

    mac: str
    peer: str
    uuid: str = ""
    serial: str = ""
    platform: str = ""
    interface: str | None = None


@dataclass(slots=True)
class Terms:
    """What an agent is started with, and whether strangers are given one."""

    base_url: str
    files: Callable[[], AgentFiles]
    console: tuple[str, ...] = ()
    params: str = ""
    discovers_unknown: bool = False
    agent_url: str | None = None


# Returns the install command's plan with its secrets; None: it cannot be told yet.
PlanOf = Callable[[Machine], Mapping[str, Any] | None]


def _anywhere(address: str | None) -> frozenset[str] | None:
    return None


@dataclass(slots=True)
class Boots:
    """Event-loop thread only.

    `interfaces_for` returns the interfaces of this host through which the machine of an address, or
    any one (None), may ask for its script; None: through all.
    """

    machines: Machines
    tokens: BootTokens
    terms: Terms
    plan_of: PlanOf = field(repr=False)
    wipe: str = "quick"
    clock: Callable[[], float] = time.time
    notes: dict[str, deque[str]] = field(default_factory=dict)
    interfaces_for: Callable[[str | None], frozenset[str] | None] = _anywhere
    strangers: Strangers = field(init=False)
    _noted: dict[str, deque[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.strangers = Strangers(self.machines, lambda: self.clock())

    # -- iPXE

    async def script(self, request: Request) -> str:
        """Return the script for a machine that boots from the network; never raises for what the
        machine says of itself."""
        mac = canonical_mac(request.mac)
        machine = self.machines.get(mac)
        if mac is None:
            return LOCAL_BOOT
        if machine is None:
            if elsewhere := self._came_elsewhere(request, None):
                log.info("netboot: %s: a network boot %s: refused", mac, elsewhere)
                return LOCAL_BOOT
            return self._strangers_script(mac)
        if not ways.gives_agent(machine):
            self._warn_of_netboot(machine)
            return LOCAL_BOOT
        if machine.address and request.peer != machine.address:
            self.note(
                mac, f"a network boot from {request.peer}, not from {machine.address}: refused"
            )
            return LOCAL_BOOT
        if elsewhere := self._came_elsewhere(request, machine.address):
            self.note(mac, f"a network boot {elsewhere}: refused")
            return LOCAL_BOOT
        async with self.machines.alone(mac):
            started = await self._started(self.machines.needed(mac))
        if started is None or started.phase is None:
            return LOCAL_BOOT
        token = self.tokens.boot(mac, started.boot_serial, started.phase)
        return self._agent(mac, token)

    def _came_elsewhere(self, request: Request, address: str | None) -> str | None:
        """How it came, if not through an interface of a boot network; None: it did.

        What the kernel does not tell contradicts nothing; the provisioner's `check` tells of that.
        """
        allowed = self.interfaces_for(address)
        if allowed is None or request.interface is None or request.interface in allowed:
            return None
        ours = " or ".join(sorted(allowed)) or "an interface of a boot network"
        return f"through {request.interface}, not through {ours}"

    async def _started(self, machine: Machine) -> Machine | None:
        """The machine whose script is handed out: again from zero where an agent ran before."""
        if machine.nonce is None:
            return machine
        if self.clock() - machine.seen < TWIN_SECONDS:
            self.note(machine.mac, "a second network boot while its agent is at work: local boot")
            return None
        try:
            again = ways.restarted(machine)
        except DriverConflict as error:
            await self.machines.save(ways.failed(machine, str(error), is_final=True))
            return None
        self.note(machine.mac, f"starts again, last step: {machine.step or 'none'}")
        await self.machines.save(again)
        return again

    def _strangers_script(self, mac: str) -> str:
        is_awaited = self._is_awaited(mac)
        return self._agent(mac, None) if is_awaited else LOCAL_BOOT

    def _is_awaited(self, mac: str) -> bool:
        return self.strangers.is_awaited(mac, is_anyone_welcome=self.terms.discovers_unknown)

    def _agent(self, mac: str, token: str | None) -> str:
        terms = self.terms
        start = AgentStart(
            terms.base_url, terms.files(), mac, token, terms.console, terms.params, terms.agent_url
        )
        return agent_script(start)

    def _warn_of_netboot(self, machine: Machine) -> None:
        if machine.state is NodeState.DEPLOYED or machine.is_done:
            self.note(machine.mac, f"a network boot while it is {machine.state}: local boot")

    # -- the agent

    async def hello(self, token: str, hello: Hello) -> dict[str, str]:
        """Use the token up; return session, phase, and the id by which its end is reported.

        The same nonce again: the same answer.
        """
        mac = canonical_mac(hello.mac) or ""
        machine = self.machines.get(mac)
        if machine is None or machine.phase is None:
            raise Unauthenticated("no start of this machine is awaited")
        async with self.machines.alone(mac):
            machine = self.machines.needed(mac)
            expected = self.tokens.boot(mac, machine.boot_serial, machine.phase or "")
            if not is_same(token, expected):
                raise Unauthenticated("the boot token is void: it is of another start")
            if not machine.is_open:
                raise Conflict(f"{machine.label}: no agent is awaited, it is {machine.state}")
            self._check_identity(machine, hello)
            greeted = await self._greeted(machine, hello)
            await self.machines.save(greeted)
        session = self._session(greeted)
        return {"session": session, "phase": str(greeted.phase), "id": _id(greeted)}

    async def _greeted(self, machine: Machine, hello: Hello) -> Machine:
        try:
            greeted = ways.greeted(machine, hello.nonce, self.clock())
            if problem := contradiction(machine, hello):
                raise DriverConflict(problem)
        except DriverConflict as error:
            self.note(machine.mac, str(error))
            await self.machines.save(ways.failed(machine, str(error), is_final=True))
            raise Conflict(str(error)) from error
        return replace(
            greeted,
            uuid=machine.uuid or hello.uuid,
            serial=machine.serial or hello.serial,
            firmware=hello.firmware,
        )

    def _check_identity(self, machine: Machine, hello: Hello) -> None:
        if machine.mac not in {canonical_mac(mac) for mac in hello.macs}:
            raise Unauthenticated("the agent does not have the NIC its token is for")

    def _session(self, machine: Machine) -> str:
        phase, nonce = machine.phase or "", machine.nonce or ""
        proof = self.tokens.session(machine.mac, machine.boot_serial, phase, nonce)
        return f"{machine.mac.replace(':', '')}.{proof}"

    def _of_session(self, session: str) -> Machine:
        """Raises Unauthenticated (never given), Conflict (superseded)."""
        machine = self.machines.get(canonical_mac(session.partition(".")[0]))
        if machine is None or machine.nonce is None:
            raise Unauthenticated("no agent of this machine said hello")
        if not is_same(session, self._session(machine)):
            raise Conflict("superseded by a newer start of this machine")
        return machine

    def check_session(self, session: str) -> None:
        """Raises Unauthenticated (never given), Conflict (superseded)."""
        self._of_session(session)

    async def command(self, session: str, seconds: float) -> Mapping[str, Any]:
        """Return what the agent is to do; ``wait`` after `seconds` in which nothing came.

        The same command is given until its end is reported.
        """
        machine = self._of_session(session)
        self.machines.touch(machine.mac, self.clock())
        until = time.monotonic() + seconds
        while True:
            machine = self._of_session(session)
            command = self._due(machine)
            left = until - time.monotonic()
            if command is not WAIT or left <= 0:
                return command
            await self.machines.changed(machine.mac, machine, left)

    def _due(self, machine: Machine) -> Mapping[str, Any]:
        if not machine.is_open or machine.is_done:
            return {"id": _id(machine), "do": "poweroff"}
        if machine.phase is Phase.WIPE:
            return {"id": _id(machine), "do": "wipe", "how": self.wipe}
        if machine.phase is Phase.INSTALL:
            plan = self.plan_of(machine)
            if plan is not None:
                return {"id": _id(machine), "do": "install", "plan": plan}
        return WAIT

    def image_of(self, session: str, sha256: str) -> None:
        """Raises Forbidden unless the agent's plan names this image."""
        machine = self._of_session(session)
        plan = self.plan_of(machine) if machine.phase is Phase.INSTALL and machine.is_open else None
        if plan is None or plan["image"]["sha256"] != sha256:
            raise Forbidden("this image is not in the plan of this machine")
        self.machines.touch(machine.mac, self.clock())

    async def progress(self, session: str, progress: Progress) -> None:
        machine = self._of_session(session)
        percent = "" if progress.percent is None else f" {progress.percent} %"
        message = f": {progress.message}" if progress.message else ""
        self.machines.touch(machine.mac, self.clock(), f"{progress.step}{percent}{message}")

    async def end(self, session: str, end: End) -> None:
        """Store how the command ended, with its log. The end of an older command is heard again
        without effect: the first answer was lost."""
        mac = self._of_session(session).mac
        digest = await self.machines.put_blob(end.log.encode()) if end.log else ""
        async with self.machines.alone(mac):
            machine = self._of_session(session)
            if end.id != _id(machine):
                raise Conflict(f"{machine.label}: {end.id} is not the command that is due")
            if not machine.is_open:
                return
            if end.ok and machine.phase is Phase.INSPECT:
                raise Conflict(f"{machine.label}: an inspection ends well with its inventory")
            name = f"log-{machine.phase}"
            documents = {**machine.documents, **({name: digest} if digest else {})}
            now = self.clock()
            if end.ok:
                new = ways.ended(machine, now)
            else:
                reason = end.error or "the agent gave no reason"
                new = replace(ways.failed(machine, reason, is_final=end.is_final), seen=now)
            records = {document_name(mac, name): {"phase": machine.phase}} if digest else {}
            blobs = {document_name(mac, name): digest} if digest else {}
            await self.machines.save(replace(new, documents=documents), records, blobs)

    # -- inventories

    async def inventory(self, session: str, report: InventoryReport) -> None:
        """Keep the inventory of an agent that said hello."""
        mac = self._of_session(session).mac
        digests = {name: await self._kept(text) for name, text in report.documents().items()}
        async with self.machines.alone(mac):
            machine = self._of_session(session)
            if not machine.is_open or machine.phase is not Phase.INSPECT:
                raise Forbidden(f"{machine.label}: no inventory is awaited, phase {machine.phase}")
            await self._inspected(machine, report, digests)

    async def stranger(self, report: InventoryReport) -> None:
        """Keep the inventory of a machine without authority. Raises TooMany, Forbidden."""
        mac = canonical_mac(report.mac)
        if mac is None or mac not in {canonical_mac(nic) for nic in report.macs}:
            raise Forbidden("the report does not name the NIC it came from")
        known = self.machines.get(mac)
        if known is not None and (known.name is not None or known.state is not NodeState.NEW):
            raise Forbidden(f"{mac} is known; an agent with a token inspects it")
        if known is None and not self._is_awaited(mac):
            raise Forbidden("no task waits for an unknown machine")
        self.strangers.count()
        digests = {name: await self._kept(text) for name, text in report.documents().items()}
        async with self.machines.alone(mac):
            await self.strangers.make_room()
            machine = self.machines.get(mac) or Machine(mac)
            await self._inspected(machine, report, digests)

    async def _inspected(
        self, machine: Machine, report: InventoryReport, digests: Mapping[str, str]
    ) -> None:
        mac = machine.mac
        records = {document_name(mac, name): {"format": "text"} for name in digests}
        blobs = {document_name(mac, name): digest for name, digest in digests.items()}
        new = replace(
            ways.inspected(machine, digests, self.clock()),
            uuid=report.uuid or machine.uuid,
            serial=report.serial or machine.serial,
            firmware=report.firmware or machine.firmware,
            power_address=report.bmc_address or machine.power_address,
            memory_mib=report.memory_mib or machine.memory_mib,
            cpus=report.cpus or machine.cpus,
        )
        await self.machines.save(new, records, blobs)

    async def _kept(self, text: str) -> str:
        return await self.machines.put_blob(text.encode())

    # -- the installed system

    async def first_boot(self, secret: str, booted_params: str = "") -> None:
        """The installed system reports from its disk, and its kernel's command line.

        Raises Unauthenticated, Conflict.
        """
        mac = canonical_mac(secret.partition(".")[0])
        machine = self.machines.get(mac)
        if mac is None or machine is None or machine.deployment_id is None:
            raise Unauthenticated("no first boot of this machine is awaited")
        if not is_same(secret, self.first_boot_secret(machine)):
            raise Unauthenticated("the secret is of another deployment")
        async with self.machines.alone(mac):
            machine = self.machines.needed(mac)
            if machine.state is NodeState.DEPLOYED:
                return  # the first answer was lost
            try:
                await self.machines.save(ways.deployed(machine, self.clock(), booted_params))
            except DriverConflict as error:
                raise Conflict(str(error)) from error

    def first_boot_secret(self, machine: Machine) -> str:
        proof = self.tokens.first_boot(machine.mac, machine.deployment_id or "")
        return f"{machine.mac.replace(':', '')}.{proof}"

    # -- what is said of a machine

    def note(self, mac: str, text: str) -> None:
        """Something its task should tell; the last few are kept until somebody takes them."""
        times = self._noted.setdefault(mac, deque(maxlen=NOTES_A_MINUTE))
        now = self.clock()
        if len(times) == NOTES_A_MINUTE and times[0] > now - 60:
            return
        times.append(now)
        log.warning("netboot: %s: %s", mac, text)
        self.notes.setdefault(mac, deque(maxlen=NOTES)).append(text)

    def take_notes(self, mac: str) -> list[str]:
        return list(self.notes.pop(mac, ()))


def _id(machine: Machine) -> str:
    return f"{machine.phase}-{machine.boot_serial}"

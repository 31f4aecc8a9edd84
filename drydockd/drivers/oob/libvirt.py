"""Out-of-band control of libvirt domains over ssh, by the program virsh."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from drydockd.drivers.base import BmcFacts, PowerState, Voice
from drydockd.drivers.oob import domain
from drydockd.drivers.oob.attempts import PAUSES
from drydockd.drivers.oob.domain_call import DomainCall
from drydockd.drivers.oob.virsh import SSH, VIRSH, Hypervisor, Virsh
from drydockd.drivers.options import Offer, Options, opt
from drydockd.errors import DriverPersistent, DriverTransient
from drydockd.site import Node

SCHEMES = ("qemu+ssh",)
# `command` and `keyfile` would let a design run and read files of this host.
URI_KEYS = frozenset({"socket", "mode", "netcat", "proxy"})
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f:.]+(%[A-Za-z0-9._-]+)?")
_USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@\\-]*")
_WORDS = {domain.NETWORK: "network", domain.DISK: "disk"}


class LibvirtOptions(Options):
    poll_interval: float = opt(
        10.0, "Longest pause, in seconds, between looks at a power state", gt=0, le=600
    )
    power_seconds: float = opt(30.0, "Seconds a domain may take to go on or off", gt=0, le=3600)
    give_up_seconds: float = opt(
        75.0, "Seconds in which a hypervisor that does not answer is asked again", gt=0, le=3600
    )
    command_seconds: float = opt(
        20.0, "Seconds after which one run of virsh is killed, with its ssh", gt=0, le=600
    )
    connections: int = opt(8, "Connections to one hypervisor at once", ge=1, le=1000)
    keyfile: Path | None = opt(
        None, "Private key for ssh; null: the keys and the agent of the daemon's user"
    )
    known_hosts: Path | None = opt(
        None, "Host keys of the hypervisors; null: the known_hosts of the daemon's user"
    )


class LibvirtOob:
    """An OobDriver for nodes of type ``libvirt``: a node is the domain of its name.

    A call that asks ends `give_up_seconds` after it began, one that switches the power at most
    `power_seconds` later. So a power cycle (boot device, off, boot device, on) takes at most
    ``4 * give_up_seconds + 2 * power_seconds``. `schemes`: those that an URI may have.
    """

    oob_types: tuple[str, ...] = ("libvirt",)

    def __init__(
        self,
        options: LibvirtOptions,
        *,
        pauses: Sequence[float] = PAUSES,
        schemes: Sequence[str] = SCHEMES,
    ) -> None:
        self._options = options
        self._pauses = pauses
        self._schemes = schemes
        self._virsh = Virsh(
            command_seconds=options.command_seconds,
            connections=options.connections,
            keyfile=options.keyfile,
            hosts=options.known_hosts,
        )
        self.ask_seconds = options.give_up_seconds
        self.worst_case_seconds = 4 * options.give_up_seconds + 2 * options.power_seconds

    async def check(self) -> None:
        if missing := [str(need) for need in (VIRSH, SSH) if not need.is_there()]:
            raise DriverPersistent(f"oob driver libvirt: needs {' and '.join(missing)}")
        for path in (self._options.keyfile, self._options.known_hosts):
            if path is not None and not os.access(path, os.R_OK):
                raise DriverPersistent(f"oob driver libvirt: {path} cannot be read")

    async def close(self) -> None:
        await self._virsh.close()

    async def set_network_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, domain.NETWORK, voice)

    async def set_disk_boot(self, node: Node, voice: Voice) -> None:
        await self._set_boot(node, domain.DISK, voice)

    async def power_state(self, node: Node) -> PowerState:
        call = self._call(node)
        return (await call.repeated(call.look)).power

    async def power_off(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.OFF, voice)

    async def power_on(self, node: Node, voice: Voice) -> None:
        await self._switch(node, PowerState.ON, voice)

    async def facts(self, node: Node) -> BmcFacts:
        """As the domain of the node's name tells, also where it contradicts the design."""
        call = self._call(node)
        seen, seconds = await call.repeated(call.timed_look)
        is_plain = seen.state in ("running", "idle", "shut off")
        odd = [] if is_plain else [f"is {seen.state}"]
        odd += [] if seen.is_persistent else ["is a transient domain: gone once it is off"]
        odd += ["starts a kernel that its definition names"] if seen.definition.has_kernel else []
        boot = seen.definition.boot
        return BmcFacts(
            "libvirt",
            seen.power,
            boot_device=f"{', then '.join(boot)}; always" if boot else None,
            serial=seen.definition.serial,
            uuid=seen.definition.uuid.lower(),
            name=seen.definition.name,
            macs=seen.definition.macs,
            tls="ssh",
            seconds=seconds,
            odd=tuple(odd),
        )

    def _call(self, node: Node) -> DomainCall:
        at = hypervisor_of(node, self._schemes)
        until = asyncio.get_running_loop().time() + self._options.give_up_seconds
        return DomainCall(self._virsh, node, at, until, self._pauses)

    async def _set_boot(self, node: Node, first: str, voice: Voice) -> None:
        call = self._call(node)
        await call.repeated(lambda: call.set_boot(first))
        await voice.say(f"{node.name}: the next start is a {_WORDS[first]} boot")

    async def _switch(self, node: Node, wanted: PowerState, voice: Voice) -> None:
        """Look, tell, look until it is so. What is so already is told nothing."""
        call = self._call(node)
        if await call.repeated(lambda: call.switch(wanted)):
            await self._await_power(call, wanted)
        await voice.say(f"{node.name}: power is {wanted}")

    async def _await_power(self, call: DomainCall, wanted: PowerState) -> None:
        clock = asyncio.get_running_loop().time
        call.until = clock() + self._options.power_seconds
        pause = min(1.0, self._options.poll_interval)
        while (seen := await call.repeated(call.look)).power is not wanted:
            if clock() + pause >= call.until:
                raise DriverTransient(
                    f"{call.at.node}: turn the power {wanted}: {call.at.name} said yes, and the "
                    f"domain still is {seen.state} after {self._options.power_seconds:g} s"
                )
            await asyncio.sleep(pause)
            pause = min(2 * pause, self._options.poll_interval)


def hypervisor_of(node: Node, schemes: Sequence[str] = SCHEMES) -> Hypervisor:
    """Return where a node's domain is. Raises DriverPersistent; never shows a password."""
    uri = node.oob_parameters.get("libvirt_uri")
    if not uri:
        raise _wrong(node, "has no oob.libvirt_uri")
    if not _NAME.fullmatch(node.name):
        raise _wrong(node, "has a name that cannot be a domain's here: letters, digits, . _ -")
    try:
        parts = urlsplit(uri)
        host, user, port, password = parts.hostname, parts.username, parts.port, parts.password
    except ValueError as error:
        raise _wrong(node, f"has an oob.libvirt_uri that is none: {error}") from None
    if parts.scheme not in schemes:
        raise _wrong(node, f"has an oob.libvirt_uri that does not begin with {schemes[0]}://")
    if password is not None:
        raise _wrong(node, "has a password in its oob.libvirt_uri; ssh wants a key")
    if not host or not _HOST.fullmatch(host) or (user and not _USER.fullmatch(user)):
        raise _wrong(node, "has an oob.libvirt_uri with no host, or a strange one or account")
    if odd := {key for key, _ in parse_qsl(parts.query, keep_blank_values=True)} - URI_KEYS:
        raise _wrong(
            node,
            f"has ?{min(odd)}= in its oob.libvirt_uri; there may be {', '.join(sorted(URI_KEYS))}",
        )
    if parts.fragment or not uri.isprintable() or " " in uri:
        raise _wrong(node, "has an oob.libvirt_uri with characters that none has")
    name = f"{parts.scheme}://{f'{user}@' if user else ''}{host}{f':{port}' if port else ''}"
    return Hypervisor(node.name, uri, name)


def _wrong(node: Node, what: str) -> DriverPersistent:
    return DriverPersistent(f"{node.name} {what}")


DRIVER = Offer(
    LibvirtOob,
    LibvirtOptions,
    "libvirt_driver",
    "libvirt domains of QEMU, over ssh",
    needs=(VIRSH, SSH),
)

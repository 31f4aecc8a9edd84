"""libvirt on a hypervisor over ssh, by the program virsh.

A process can be killed with its ssh when a hypervisor hangs; `libvirt.open` in a thread waits
for ever. Source: contract, oob-faults, F; texts of virsh 9.0 and OpenSSH 9.2.
"""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from drydockd import acting
from drydockd.drivers.oob import command, dial
from drydockd.drivers.options import Program
from drydockd.errors import DriverError, DriverPersistent, DriverTransient

VIRSH = Program("virsh", "libvirt-clients")
SSH = Program("ssh", "openssh-client")

# What it says -> what to do. None of it passes by itself.
_LASTING: tuple[tuple[str, str], ...] = (
    (r"failed to get domain|domain not found", "there is no domain of the node's name"),
    (
        r"host key verification failed|host key is known|identification has changed",
        "put the hypervisor's host key into libvirt_driver.known_hosts, or into the known_hosts "
        "of the daemon's user",
    ),
    (
        r"permission denied|no such identity|authentication|access denied",
        "let the key of libvirt_driver.keyfile, or of the daemon's user, in at the hypervisor",
    ),
    (r"cannot execute binary", "the folder of temporary files must allow programs (TMPDIR)"),
    (r": not found", "the hypervisor lacks libvirt-daemon"),
    (r"xml error|unsupported|invalid argument|unknown os type", "look at the domain's definition"),
)
_NO_CONNECTION = "error: failed to connect to the hypervisor"
_MOST_SAID = 300
# A definition has 5 to 20 KB; reading one of 256 KiB holds the loop for a moment only.
LARGEST_BYTES = 256 * 1024

_CONFIG = """\
Host *
    BatchMode yes
    ConnectTimeout {connect_seconds}
    ConnectionAttempts 1
    ServerAliveInterval 5
    ServerAliveCountMax 3
    StrictHostKeyChecking yes
    ControlMaster no
    ControlPath none
    ForwardAgent no
    ForwardX11 no
    ClearAllForwardings yes
    PermitLocalCommand no
{more}Include ~/.ssh/config
Include /etc/ssh/ssh_config
"""
# Last, as the first one found counts: whoever has a way of his own to a hypervisor keeps it, and a
# ProxyJump uses this one to its host.
_DIALLED = """\
Host *
    ProxyCommand {dial} %h %p {seconds:g}
"""
CONNECT_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Hypervisor:
    """Where a node's domain is: `uri` for virsh, `name` for people and for the slots."""

    node: str
    uri: str
    name: str


class Virsh:
    """Runs virsh, so many at once for each hypervisor."""

    def __init__(
        self, *, command_seconds: float, connections: int, keyfile: Path | None, hosts: Path | None
    ) -> None:
        self._command_seconds = command_seconds
        self._slots = Slots(connections)
        self._keyfile = keyfile
        self._hosts = hosts
        self._folder: Path | None = None
        self._starter = command.Starter()

    async def run(
        self,
        at: Hypervisor,
        what: str,
        *words: str,
        until: float,
        pass_fds: Sequence[int] = (),
        is_act: bool = False,
    ) -> str:
        """Return what virsh prints for `words`; `what` says in an error what was asked.

        `is_act`: it changes something, so it takes the right to act.

        Raises DriverTransient, DriverPersistent.
        """
        path = _needed(VIRSH, at, what)
        async with self._hold(at, what, until):
            if is_act:
                await acting.may_act()
            ended = await command.ask(
                command.Question(at.node, what, at.name),
                [path, "-k", "5", "-K", "3", "-c", self._full_uri(at, what), *words],
                environment=self._environment(),
                seconds=self._command_seconds,
                until=until,
                starter=self._starter,
                pass_fds=pass_fds,
                largest_bytes=LARGEST_BYTES,
            )
        if ended.code:
            raise _failure(at, what, ended)
        return ended.out

    async def close(self) -> None:
        self._starter.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None

    @asynccontextmanager
    async def _hold(self, at: Hypervisor, what: str, until: float) -> AsyncIterator[None]:
        waiting = asyncio.timeout_at(until)
        try:
            async with waiting, self._slots.hold(at.name):
                waiting.reschedule(None)
                yield
        except TimeoutError:
            if not waiting.expired():
                raise
            raise DriverTransient(
                f"{at.node}: {what}: other calls kept all connections to {at.name} busy; see "
                "libvirt_driver.connections"
            ) from None

    def _full_uri(self, at: Hypervisor, what: str) -> str:
        """The URI with the ssh that reads our configuration, and asks nobody anything.

        ssh looks for its configuration where the user database says, whatever HOME is, and libvirt
        hands over no options: so there has to be a program in between.
        """
        ssh = self._ssh(_needed(SSH, at, what))
        join = "&" if "?" in at.uri else "?"
        return f"{at.uri}{join}no_tty=1&command={quote(str(ssh))}"

    def _ssh(self, path: str) -> Path:
        # Whatever tidies temporary folders may have taken it.
        if self._folder is None or not (self._folder / "ssh").exists():
            self._folder = Path(tempfile.mkdtemp(prefix="drydockd-libvirt-"))
            config = self._folder / "ssh_config"
            more = f"    IdentityFile {_quoted(self._keyfile)}\n    IdentitiesOnly yes\n"
            more = more if self._keyfile else ""
            more += f"    UserKnownHostsFile {_quoted(self._hosts)}\n" if self._hosts else ""
            connect_seconds = max(1, int(acting.connect_seconds(CONNECT_SECONDS)))
            text = _CONFIG.format(connect_seconds=connect_seconds, more=more)
            config.write_text(text + _dialled())
            ssh = self._folder / "ssh"
            words = f"exec {shlex.quote(path)} -F {shlex.quote(str(config))}"
            ssh.write_text(f'#!/bin/sh\n{words} "$@"\n')
            ssh.chmod(0o700)
        return self._folder / "ssh"

    def _environment(self) -> dict[str, str]:
        agent = os.environ.get("SSH_AUTH_SOCK")
        return {
            "LC_ALL": "C",
            "PATH": os.defpath,
            "HOME": str(self._folder),
            **({"SSH_AUTH_SOCK": agent} if agent else {}),
        }


class Slots:
    """So many holders at once for each name; a name nobody holds or waits for is forgotten."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: dict[str, tuple[asyncio.Semaphore, int]] = {}

    @asynccontextmanager
    async def hold(self, name: str) -> AsyncIterator[None]:
        """Hold a slot of `name`. Waits without limit: the caller bounds it."""
        slots, users = self._entries.get(name) or (asyncio.Semaphore(self._most), 0)
        self._entries[name] = slots, users + 1
        try:
            async with slots:
                yield
        finally:
            _, users = self._entries.pop(name)
            if users > 1:
                self._entries[name] = slots, users - 1

    def __len__(self) -> int:
        return len(self._entries)


def _dialled() -> str:
    """How ssh connects where several daemons share the work: see dial."""
    reach = acting.reach_seconds()
    if reach is None:
        return ""
    # -I, -S: 20 ms instead of 60.
    words = [sys.executable, "-I", "-S", dial.__file__]
    program = " ".join(map(shlex.quote, words)).replace("%", "%%")
    return _DIALLED.format(dial=program, seconds=min(reach, CONNECT_SECONDS))


def _quoted(path: Path | None) -> str:
    return f'"{path}"'


def _needed(program: Program, at: Hypervisor, what: str) -> str:
    path = program.path()
    if path is None:
        raise DriverPersistent(f"{at.node}: {what}: needs {program}")
    return path


def _failure(at: Hypervisor, what: str, ended: command.Ended) -> DriverError:
    lines = [line.strip() for line in ended.err.splitlines() if line.strip("@ ")]
    if lines[:1] != [_NO_CONNECTION]:
        # Below an XML error stands a line of the definition, which may be a secret.
        lines = [line for line in lines if line.startswith("error: ")]
    said = "; ".join(line.removeprefix("error: ") for line in lines if line != _NO_CONNECTION)
    where = f"{at.node}: {what}: {at.name} says: {said[:_MOST_SAID] or 'nothing'}"
    for pattern, hint in _LASTING:
        if re.search(pattern, said, re.IGNORECASE):
            return DriverPersistent(f"{where}; {hint}")
    return DriverTransient(where)

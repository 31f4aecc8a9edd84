"""What iPXE is told. Pure; always a script, local boot where nothing else is due.

`initrd=initrd` is needed under UEFI and harmless under BIOS. ``exit 1`` makes a BIOS go on to its
next boot device at once. Source: contract, netboot, section 4.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

LOCAL_BOOT = "#!ipxe\nexit 1\n"
# Longer lines than the kernel takes (COMMAND_LINE_SIZE of x86 is 2048) are cut by it in silence.
LONGEST_LINE = 2048
_SAFE = re.compile(r"[!-~]+")


@dataclass(frozen=True, slots=True)
class AgentFiles:
    """Kernel and initrd of the agent by their SHA-256."""

    kernel: str
    initrd: str


@dataclass(frozen=True, slots=True)
class AgentStart:
    """One start of the agent. `token` is None for a machine that has no authority (discovery).

    iPXE fetches from `base_url`, the agent speaks to `agent_url` (None: to the same).
    """

    base_url: str
    files: AgentFiles
    mac: str
    token: str | None = field(default=None, repr=False)
    console: Sequence[str] = ()
    params: str = ""
    agent_url: str | None = None


def agent_script(start: AgentStart) -> str:
    """Return the script that boots the agent. Raises ValueError: a line too long, odd words."""
    words = [
        "initrd=initrd",
        f"drydock.url={start.agent_url or start.base_url}",
        f"drydock.mac={start.mac}",
        f"BOOTIF={start.mac}",
        *(f"console={console}" for console in start.console),
        "quiet",
        "panic=30",
        *start.params.split(),
    ]
    if start.token is not None:
        words.insert(2, f"drydock.token={start.token}")
    for word in words:
        if not _SAFE.fullmatch(word):
            raise ValueError(f"kernel parameter {word!r} holds a character iPXE cannot pass on")
    files = start.files
    kernel = f"{start.base_url}/boot/files/{files.kernel}/vmlinuz"
    line = " ".join(words)
    if len(line) >= LONGEST_LINE:
        raise ValueError(f"the kernel line has {len(line)} characters, {LONGEST_LINE} are taken")
    initrd = f"{start.base_url}/boot/files/{files.initrd}/initrd"
    return f"#!ipxe\nkernel {kernel} {line}\ninitrd {initrd}\nboot\n"

"""The options of the provisioner `netboot`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from drydockd.config.fields import Listen, Words
from drydockd.drivers.options import Options, opt


class NetbootOptions(Options):
    """Times are seconds. Only `base_url` must be given."""

    base_url: str = opt(
        ...,
        "How machines reach the boot listener, as http://10.0.0.1:9100",
        pattern=r"^https?://[^\s/]+$",
    )
    listen: Listen = opt("0.0.0.0:9100", "Where the boot listener listens")
    images: Path = opt(
        Path("/var/lib/drydockd/images"), "The image catalogue (drydock image build, import)"
    )
    agent: str = opt("agent", "The catalogue's agent that machines start (drydock image build)")
    console: Words = opt((), "Consoles of the agent's kernel, as ttyS0,115200n8; the last wins")
    report_url: str | None = opt(
        None,
        "How installed machines reach the boot listener; null: base_url",
        pattern=r"^https?://[^\s/]+$",
    )
    state: Path = opt(
        Path("/var/lib/drydockd/netboot"), "Where DHCP's files lie: configuration, leases, TFTP"
    )
    dhcp: Literal["own", "proxy", "none"] = opt(
        "own",
        "Who gives machines their addresses on boot networks: we do (dnsmasq), the site does and "
        "we add where to start from, or the site does both (drydock netboot dhcp-snippet)",
    )
    dnsmasq: Literal["child", "unit"] = opt(
        "child",
        "Who runs dnsmasq: this daemon (as root), or drydockd-dnsmasq.service, which follows its "
        "files",
    )
    unknown: Literal["local", "discover"] = opt(
        "local", "What unknown machines get while a task waits for one: local boot, or the agent"
    )
    wipe: Literal["quick", "full"] = opt("quick", "How disks are wiped when a node is destroyed")
    max_parallel: int = opt(
        16, "Downloads streamed at once; others wait for their turn", ge=1, le=1024
    )
    connections: int = opt(
        1024,
        "Connections of the boot listener at once; the oldest that proved nothing goes first",
        ge=16,
        le=16384,
    )
    connections_per_address: int = opt(64, "The same of one address", ge=4, le=16384)
    extra_kernel_params: str = opt("", "Kernel parameters for the agent, behind its own")
    hello_seconds: float = opt(
        600.0, "From a power-on to the agent's first word (metal takes minutes)", gt=0, le=7200
    )
    silent_seconds: float = opt(
        120.0, "Silence of an agent that is told on the task", gt=0, le=7200
    )
    first_boot_seconds: float = opt(
        600.0, "From the disk boot to the report of the installed system", gt=0, le=7200
    )

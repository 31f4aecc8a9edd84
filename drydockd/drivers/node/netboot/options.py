"""The options of the provisioner `netboot`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import model_validator

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
    tls_cert: Path | None = opt(
        None,
        "PEM file with the certificate chain for agents and installed systems; with tls_key they "
        "speak HTTPS to tls_listen, with what iPXE fetches still in clear text",
    )
    tls_key: Path | None = opt(None, "PEM file with the private key")
    tls_ca: Path | None = opt(
        None, "PEM file with the CAs that agents trust, put into their initrd; null: tls_cert"
    )
    tls_listen: Listen = opt("0.0.0.0:9101", "Where the boot listener listens for HTTPS")
    agent_url: str | None = opt(
        None,
        "How agents reach the boot listener by HTTPS; null: the host of base_url, tls_listen's "
        "port",
        pattern=r"^https://[^\s/]+$",
    )
    images: Path = opt(
        Path("/var/lib/drydockd/images"), "The image catalogue (drydock image build, import)"
    )
    agent: str = opt("agent", "The catalogue's agent that machines start (drydock image build)")
    console: Words = opt((), "Consoles of the agent's kernel, as ttyS0,115200n8; the last wins")
    report_url: str | None = opt(
        None,
        "How installed machines reach the boot listener; null: as agents do",
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

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert and tls_key belong together; one is missing")
        if self.tls_cert is None and (self.tls_ca or self.agent_url):
            raise ValueError("tls_ca and agent_url are of no use without tls_cert and tls_key")
        return self

    def alone(self) -> str:
        """See Offer: a unit goes on when its daemon has lost the work to another one."""
        if self.dhcp != "own" or self.dnsmasq != "unit":
            return ""
        return (
            "netboot_driver.dnsmasq: unit with dhcp: own: where several daemons share a database "
            "(store.backend: postgres) two such servers would give machines addresses at once; "
            "say dnsmasq: child, or dhcp: none or proxy"
        )

    @property
    def told_url(self) -> str:
        """What agents are told to speak to."""
        if self.tls_cert is None:
            return self.base_url
        return self.agent_url or _https(self.base_url, self.tls_listen)

    @property
    def reports_to(self) -> str:
        """What installed systems are told to speak to."""
        return self.report_url or self.told_url


def _https(base_url: str, listen: str) -> str:
    host = urlsplit(base_url).hostname or ""
    return f"https://{f'[{host}]' if ':' in host else host}:{listen.rpartition(':')[2]}"

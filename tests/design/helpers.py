"""Designs in a few lines: documents as dicts, compiled."""

import json
from typing import Any

from drydockd.design.compile import compile_site
from drydockd.site import Finding, Site

HARDWARE = {"vendor": "X"}
LAN = {"cidr": "10.9.0.0/24"}


def document(kind: str, name: str, data: Any) -> dict[str, Any]:
    return {
        "schema": f"drydock/{kind}/v1",
        "metadata": {"schema": "metadata/Document/v1", "name": name},
        "data": data,
    }


def node(name: str, **data: Any) -> dict[str, Any]:
    body = {"addressing": [{"network": "lan", "address": "10.9.0.11"}], "hardware_profile": "hw"}
    return document("BaremetalNode", name, body | data)


def profile(name: str, **data: Any) -> dict[str, Any]:
    return document("HostProfile", name, data)


BASE = (document("HardwareProfile", "hw", HARDWARE), document("Network", "lan", LAN))


def stream(*documents: Any) -> bytes:
    """The documents as a YAML stream: JSON is YAML."""
    return "".join(f"---\n{json.dumps(d)}\n" for d in documents).encode()


def compiled(*documents: Any) -> tuple[Site, tuple[Finding, ...]]:
    """The site and findings of `documents` besides a hardware profile and a network."""
    return compile_site(stream(*BASE, *documents))


def site_of(*documents: Any) -> Site:
    site, findings = compiled(*documents)
    assert not findings, findings
    return site


def findings_of(*documents: Any) -> list[Finding]:
    return list(compiled(*documents)[1])


def only_finding(*documents: Any) -> Finding:
    findings = findings_of(*documents)
    assert len(findings) == 1, findings
    return findings[0]

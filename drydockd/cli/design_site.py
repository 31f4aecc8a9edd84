"""What belongs to a whole site and to no single node, as comparable text."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping

from drydockd.design.references import redacted
from drydockd.site import Network, Repository, Site


class Hidden(str):
    """A value that is shown otherwise than it is compared: the text is what may be shown."""

    __slots__ = ("raw",)
    raw: object

    def __new__(cls, shown: str, raw: object) -> Hidden:
        made = super().__new__(cls, shown)
        made.raw = raw
        return made


Sections = Mapping[str, Mapping[str, str]]


def values(site: Site) -> Sections:
    """Return authorized keys, repositories, and what networks ask of the provisioner."""
    region = site.region
    repositories: dict[str, str] = (
        {r.name: _repository(r) for r in region.repositories} if region else {}
    )
    if region and region.remove_unlisted:
        repositories["those not listed"] = "removed"
    return {
        "authorized keys": authorized_keys(site),
        "repositories": repositories,
        "networks": {
            f"{name} {what}": text
            for name, network in site.networks.items()
            for what, text in _network(network).items()
        },
    }


def authorized_keys(site: Site) -> dict[str, str]:
    """Return each key by type, fingerprint (as ssh-keygen has it) and comment."""
    keys = site.region.authorized_keys if site.region else ()
    return {_fingerprint(key): "authorized" for key in keys}


def _fingerprint(key: str) -> str:
    words = key.split()
    for i, word in enumerate(words[1:], 1):
        try:
            blob = base64.b64decode(word, validate=True)
        except binascii.Error:
            continue
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        return " ".join([*words[:i], f"SHA256:{digest}", *words[i + 1 :]])
    return f"{key[:80]} (not base64)"


def _repository(repository: Repository) -> Hidden:
    lists = {
        "distributions": repository.distributions,
        "subrepos": repository.subrepos,
        "components": repository.components,
        "arches": repository.arches,
    }
    parts = [f"{repository.repo_type} {redacted(repository.url)}"]
    parts += [
        f"{name} {' '.join(entries)}" for name, entries in lists.items() if entries is not None
    ]
    parts += [f"with options {', '.join(repository.options)}"] if repository.options else []
    parts += ["signed"] if repository.gpgkey else []
    return Hidden(", ".join(parts), repository)


def _network(network: Network) -> dict[str, str]:
    found = {"cidr": network.cidr, "vlan": network.vlan_id or "none"}
    for kind in dict.fromkeys(entry.type for entry in network.ranges):
        found[f"{kind} ranges"] = ", ".join(
            f"{entry.start} to {entry.end}" for entry in network.ranges if entry.type == kind
        )
    if network.dhcp_relay_self_ip or network.dhcp_relay_upstream_target:
        found["dhcp relay"] = (
            f"{network.dhcp_relay_self_ip} to {network.dhcp_relay_upstream_target}"
        )
    return found

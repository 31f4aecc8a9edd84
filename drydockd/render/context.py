"""What a template may know: the node and, with a grant, its boot action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from drydockd.errors import RenderError
from drydockd.site import Interface, Node, Site


@dataclass(frozen=True, slots=True)
class ActionGrant:
    """The right to report one boot action of one deployment: ULID and key (64 hex digits)."""

    action_id: str
    action_key: str

    def __repr__(self) -> str:
        return f"ActionGrant({self.action_id!r}, ...)"


def node_context(site: Site, node: Node) -> dict[str, object]:
    """Return `node` of the template context: plain text, lists and maps only.

    Raises RenderError when the node has an address on a network the design lacks.
    Source: contract, effective-design, section 5.
    """
    return {
        "hostname": node.name,
        "domain": site.domain_of(node),
        "tags": list(node.tags),
        "labels": dict(node.owner_data),
        "network": _networks(site, node),
        "interfaces": {i.device_name: _interface(i) for i in node.interfaces},
    }


def _networks(site: Site, node: Node) -> dict[str, dict[str, str | None]]:
    found: dict[str, dict[str, str | None]] = {}
    for entry in node.addressing:
        if entry.type != "static":
            continue
        network = site.networks.get(entry.network)
        if network is None:
            raise RenderError(
                f"{node.name}: has the address {entry.address} on network {entry.network}, "
                "which the design does not define"
            )
        seen = {"ip": entry.address, "cidr": network.cidr, "dns_suffix": network.dns_domain}
        found.setdefault(network.name, seen)
        if network.name == node.primary_network:
            found["default"] = found[network.name]
    return found


def _interface(interface: Interface) -> dict[str, object]:
    if not interface.sriov:
        return {"sriov": False}
    return {
        "sriov": True,
        "vf_count": interface.vf_count,
        "trustedmode": interface.trustedmode,
    }


def action_context(
    grant: ActionGrant | None, *, report_url: str, design_ref: str
) -> Mapping[str, str]:
    """Return `action` of the template context; without a grant it has neither id nor key."""
    context = {"report_url": report_url, "design_ref": design_ref}
    if grant is not None:
        context |= {"action_id": grant.action_id, "action_key": grant.action_key}
    return context

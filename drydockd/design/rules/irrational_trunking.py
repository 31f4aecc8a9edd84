"""A link without trunking carries one untagged network; a default network must exist."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import NetworkLink, Site

# The name's spelling is the original's: clients match on it.
ORDER, CODE, NAME = 60, "DD2004", "Network Trunking Rationalty"


def check(site: Site) -> Iterator[Verdict]:
    for link in site.network_links.values():
        if link.native_network is not None and link.native_network not in site.networks:
            yield error(
                f"default network {link.native_network} of link {link.name} is not defined.",
                "Define the network or correct trunking.default_network.",
                link.ref,
            )
        if link.trunk_mode == "disabled":
            yield from _judge_untrunked(link, site)


def _judge_untrunked(link: NetworkLink, site: Site) -> Iterator[Verdict]:
    if len(link.allowed_networks) > 1:
        yield error(
            f"link {link.name} has {len(link.allowed_networks)} allowed networks but no trunking.",
            "Set trunking.mode to 802.1q or allow one network only.",
            link.ref,
        )
    if link.native_network is None:
        yield error(
            f"link {link.name} has neither trunking nor a default network.",
            "Name the untagged network in trunking.default_network.",
            link.ref,
        )
        return
    network = site.networks.get(link.native_network)
    if network is not None and network.vlan_id is not None:
        yield error(
            f"default network {network.name} of link {link.name} has VLAN id {network.vlan_id}, "
            "but the link does no trunking.",
            "Set the link's trunking.mode to 802.1q or remove the network's vlan.",
            network.ref,
            link.ref,
        )

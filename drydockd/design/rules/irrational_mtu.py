"""MTUs must be possible, and no network may need more than the links that carry it offer."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import DocumentRef, NetworkLink, Site

ORDER, CODE, NAME = 50, "DD2003", "MTU Rationality"

LOWEST, HIGHEST = 1280, 65536


def check(site: Site) -> Iterator[Verdict]:
    for link in site.network_links.values():
        yield from _judge_bounds(link.mtu, f"link {link.name}", link.ref)
    for network in site.networks.values():
        if network.mtu is None:
            continue
        yield from _judge_bounds(network.mtu, f"network {network.name}", network.ref)
        for link in site.network_links.values():
            if _carries(link, network.name) and network.mtu > link.mtu:
                yield error(
                    f"mtu {network.mtu} of network {network.name} is greater than "
                    f"{link.mtu}, the mtu of link {link.name}, which carries it.",
                    f"Raise the link's mtu or lower the network's to at most {link.mtu}.",
                    network.ref,
                )


def _carries(link: NetworkLink, network: str) -> bool:
    return link.native_network == network or network in link.allowed_networks


def _judge_bounds(mtu: int, owner: str, document: DocumentRef) -> Iterator[Verdict]:
    if not LOWEST <= mtu <= HIGHEST:
        yield error(
            f"mtu {mtu} of {owner} is not within {LOWEST} to {HIGHEST}.",
            f"Choose an mtu from {LOWEST} to {HIGHEST}.",
            document,
        )

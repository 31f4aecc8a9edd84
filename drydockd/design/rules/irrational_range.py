"""Address ranges begin before they end, lie inside their network and do not overlap."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from drydockd.design.addresses import PackedNetwork, pack, pack_network
from drydockd.design.rules import Verdict, error, warning
from drydockd.site import AddressRange, Network, Site

ORDER, CODE, NAME = 190, "DD2901", "Address Range Rationality"

Packed = tuple[AddressRange, bytes, bytes]


def check(site: Site) -> Iterator[Verdict]:
    for network in site.networks.values():
        packed = pack_network(network.cidr)
        if packed is not None:
            yield from _judge(network, packed)


def _judge(network: Network, packed: PackedNetwork) -> Iterator[Verdict]:
    good: list[Packed] = []
    for entry in network.ranges:
        start, end = pack(entry.start), pack(entry.end)
        if start is None or end is None:
            continue  # no addresses: refused when the document is read
        if not (packed.holds(start) and packed.holds(end)):
            yield error(
                f"{_named(entry)} of network {network.name} is not inside {network.cidr}.",
                f"Let both ends be addresses of {network.cidr}.",
                network.ref,
            )
        elif end < start:
            yield error(
                f"{_named(entry)} of network {network.name} ends before it starts.",
                f"Write start: {entry.end} and end: {entry.start}.",
                network.ref,
            )
        else:
            good.append((entry, start, end))
    for (first, first_start, first_end), (second, second_start, second_end) in combinations(
        good, 2
    ):
        if first_start <= second_end and second_start <= first_end:
            yield warning(
                f"{_named(first)} and {_named(second)} of network {network.name} overlap.",
                "Let every address belong to one range.",
                network.ref,
            )


def _named(entry: AddressRange) -> str:
    return f"{entry.type} range {entry.start} to {entry.end}"

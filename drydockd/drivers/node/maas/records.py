"""What drydockd remembers of what it wrote to MAAS, where MAAS keeps no word of its own about it.

Claimed before the write, so that nothing that was made is forgotten; settled after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from drydockd.drivers.base import Shelf

DOMAINS, GATEWAYS, ROUTES = "domains", "gateways", "routes"
KEYS, REPOSITORIES = "keys", "repositories"
Route = tuple[str, str, str]


class _Routed(Protocol):
    @property
    def source(self) -> str: ...
    @property
    def destination(self) -> str: ...
    @property
    def gateway(self) -> str: ...


class Records:
    """On the driver's shelf; without one, in memory only."""

    def __init__(self, shelf: Shelf | None = None) -> None:
        self._shelf = shelf
        self._kept: dict[str, Mapping[str, Any]] = {}

    def _of(self, name: str) -> Mapping[str, Any]:
        known = self._shelf.record(name) if self._shelf else self._kept.get(name)
        return known or {}

    async def _put(self, name: str, document: Mapping[str, Any]) -> None:
        if document == self._of(name):
            return
        if self._shelf is not None:
            await self._shelf.put({name: document})
        else:
            self._kept[name] = document

    # -- DNS domains by network

    async def keep_domains(self, domains: Mapping[str, str | None]) -> None:
        await self._put(DOMAINS, {"by_network": dict(domains)})

    def domain_of(self, network: str | None) -> str | None:
        """The domain of nodes whose primary network this is; None: never written, so unknown."""
        known = self._of(DOMAINS).get("by_network")
        if known is None:
            return None
        return known.get(network) or "local"

    # -- gateways of subnets, and static routes

    async def claim(self, *, gateways: Mapping[str, str], routes: Iterable[_Routed]) -> None:
        """Note what is about to be written, beside what was."""
        known = self._of(GATEWAYS).get("by_cidr", {})
        await self._put(
            GATEWAYS,
            {
                "by_cidr": {
                    cidr: _union(known.get(cidr, ()), [gateways[cidr]] if cidr in gateways else [])
                    for cidr in {**known, **gateways}
                }
            },
        )
        made = [list(_key(route)) for route in routes]
        await self._put(ROUTES, {"made": _union(self._of(ROUTES).get("made", ()), made)})

    async def settle(
        self,
        *,
        gateways: Mapping[str, str],
        routes: Iterable[_Routed],
        left_alone: frozenset[str] = frozenset(),
    ) -> None:
        """Note what was written; what else was noted is gone, but for subnets left alone."""
        before = self._of(GATEWAYS).get("by_cidr", {})
        kept = {cidr: ips for cidr, ips in before.items() if cidr in left_alone}
        await self._put(GATEWAYS, {"by_cidr": kept | {c: [ip] for c, ip in gateways.items()}})
        made = [list(known) for known in self._of(ROUTES).get("made", ()) if known[0] in left_alone]
        await self._put(ROUTES, {"made": _union(made, [list(_key(route)) for route in routes])})

    def gave_gateway(self, cidr: str, gateway: str | None) -> bool:
        return gateway in self._of(GATEWAYS).get("by_cidr", {}).get(cidr, ())

    def made_route(self, route: Route) -> bool:
        return list(route) in [list(known) for known in self._of(ROUTES).get("made", ())]

    # -- names of other things that were made

    def names(self, kind: str) -> frozenset[str]:
        return frozenset(self._of(kind).get("names", ()))

    async def keep_names(self, kind: str, names: Iterable[str]) -> None:
        await self._put(kind, {"names": sorted(names)})


def _key(route: _Routed) -> Route:
    return route.source, route.destination, route.gateway


def _union(known: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    return [*known, *(entry for entry in new if entry not in list(known))]

"""What MAAS knows of the networks of a site, asked for by the design's names. Pure.

Source: contract, maas, section 7, and maas-facts, row 9.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from typing import Any

from drydockd.errors import DriverConflict

Document = Mapping[str, Any]


class Wiring:
    """Fabrics, VLANs and subnets, as MAAS lists them."""

    def __init__(self, fabrics: Sequence[Document], subnets: Sequence[Document]) -> None:
        self._fabrics = {str(fabric["name"]): fabric for fabric in fabrics}
        self._by_name = {str(subnet["name"]): subnet for subnet in subnets}
        self._by_cidr = {_cidr(str(subnet["cidr"])): subnet for subnet in subnets}

    def vlan(self, link: str, vid: int, where: str) -> Document:
        """Return the VLAN with tag `vid` (0: untagged) of the fabric of a link.

        Raises DriverConflict: MAAS lacks it.
        """
        fabric = self._fabrics.get(link)
        if fabric is None:
            raise DriverConflict(
                f"{where}: MAAS has no fabric {link} for the link of that name (it has "
                f"{_listed(self._fabrics)}); run prepare_site"
            )
        vlans: Sequence[Document] = fabric["vlans"]
        for vlan in vlans:
            if vlan["vid"] == vid:
                return vlan
        tags = _listed(sorted(vlan["vid"] for vlan in vlans))
        what = f"VLAN {vid}" if vid else "untagged VLAN"
        raise DriverConflict(
            f"{where}: fabric {link} of MAAS has no {what} (it has {tags}); run prepare_site"
        )

    def subnet(self, network: str, address: str | None) -> Document | None:
        """Return the subnet of a network: that of its static address (``10.1.2.7/24``) if it has
        one, else the subnet of that name."""
        if address is not None:
            return self._by_cidr.get(_cidr(address))
        return self._by_name.get(network)

    def subnet_on(
        self, network: str, address: str | None, link: str, vid: int | None, where: str
    ) -> Document:
        """Return the subnet of a network, which is on VLAN `vid` (None: any) of a link's fabric.

        Raises DriverConflict naming subnet, VLAN and fabric: MAAS refuses addresses of a subnet
        that is not on the interface's VLAN.
        """
        subnet = self.subnet(network, address)
        if subnet is None:
            what = f"for {address} of network {network}" if address else f"{network}"
            raise DriverConflict(f"{where}: MAAS has no subnet {what}; run prepare_site")
        vlan = subnet["vlan"]
        if vlan["fabric"] == link and vid in (None, vlan["vid"]):
            return subnet
        wanted = f"fabric {link}" if vid is None else f"VLAN {vid} of fabric {link}"
        raise DriverConflict(
            f"{where}: subnet {subnet['cidr']} (network {network}) is on VLAN {vlan['vid']} of "
            f"fabric {vlan['fabric']} in MAAS, but has to be on {wanted}; move it there, or run "
            "prepare_site"
        )


def _cidr(text: str) -> str:
    return str(ipaddress.ip_interface(text).network)


def _listed(names: object) -> str:
    return ", ".join(map(str, names)) or "none"  # type: ignore[call-overload]

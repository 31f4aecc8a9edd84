"""NetworkLink: bonding, MTU, trunking. Source: contract, design, section 3.3."""

from __future__ import annotations

from typing import Literal, Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, BondMode, Delay, Label, Number
from drydockd.site import NetworkLink


@with_config(CLOSED)
class BondingBody(TypedDict, total=False):
    mode: BondMode
    hash: str
    peer_rate: str
    mon_rate: Delay
    up_delay: Delay
    down_delay: Delay


@with_config(CLOSED)
class TrunkingBody(TypedDict, total=False):
    mode: Literal["disabled", "802.1q"]
    default_network: str


@with_config(CLOSED)
class Body(TypedDict, total=False):
    allowed_networks: Required[list[str]]
    bonding: BondingBody
    mtu: Number
    linkspeed: str
    trunking: TrunkingBody
    labels: dict[str, Label]


def build(name: str, body: Body) -> NetworkLink:
    """Return the link with the defaults its bonding mode has; `written` keeps the options."""
    bonding, trunking = body.get("bonding", {}), body.get("trunking", {})
    mode = bonding.get("mode", "disabled")
    bonded, lacp = mode != "disabled", mode == "802.3ad"
    return NetworkLink(
        name=name,
        allowed_networks=tuple(body["allowed_networks"]),
        bonding_mode=mode,
        bonding_xmit_hash=bonding.get("hash", "layer3+4") if lacp else None,
        bonding_peer_rate=bonding.get("peer_rate", "fast") if lacp else None,
        bonding_mon_rate=bonding.get("mon_rate", 100) if bonded else None,
        bonding_up_delay=bonding.get("up_delay", 200) if bonded else None,
        bonding_down_delay=bonding.get("down_delay", 200) if bonded else None,
        mtu=body.get("mtu", 1500),
        linkspeed=body.get("linkspeed", "auto"),
        trunk_mode=trunking.get("mode", "disabled"),
        native_network=trunking.get("default_network"),
        metalabels=body.get("labels", {}),
        written=dict(bonding),
    )

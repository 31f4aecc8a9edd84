"""Rack: switches, place, labels. Source: contract, design, section 3.2."""

from __future__ import annotations

from pydantic import ConfigDict, with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN, Ip, PlainValue, RackLabel, Uri
from drydockd.site import Rack, TorSwitch


@with_config(OPEN)
class SwitchBody(TypedDict, total=False):
    mgmt_ip: Ip
    sdn_api_uri: Uri


@with_config(ConfigDict(extra="allow", strict=True))
class LocationBody(TypedDict, total=False, extra_items=PlainValue):  # type: ignore[call-arg]
    clli: str
    grid: str


@with_config(CLOSED)
class Body(TypedDict, total=False):
    tor_switches: dict[str, SwitchBody]
    location: LocationBody
    local_networks: list[str]
    labels: dict[str, RackLabel]


def build(name: str, body: Body) -> Rack:
    return Rack(
        name=name,
        tor_switches=tuple(
            TorSwitch(switch, entry.get("mgmt_ip"), entry.get("sdn_api_uri"))
            for switch, entry in body.get("tor_switches", {}).items()
        ),
        location=dict(body.get("location", {})),
        local_networks=tuple(body.get("local_networks", ())),
        labels=body.get("labels", {}),
    )

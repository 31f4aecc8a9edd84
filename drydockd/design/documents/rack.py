"""Rack: switches, place, labels. Source: contract, design, section 3.2."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, with_config
from typing_extensions import TypedDict

from drydockd.design.documents.fields import CLOSED, OPEN, Ip, PlainValue, RackLabel, Uri
from drydockd.site import Rack, TorSwitch


@with_config(OPEN)
class SwitchBody(TypedDict, total=False):
    mgmt_ip: Ip
    sdn_api_uri: Uri


class LocationBody(BaseModel):
    """Further keys are allowed; pydantic before 2.11 takes no notice of ``extra_items``."""

    model_config = ConfigDict(extra="allow", strict=True)
    __pydantic_extra__: dict[str, PlainValue] = Field(init=False)

    clli: str = ""
    grid: str = ""


@with_config(CLOSED)
class Body(TypedDict, total=False):
    tor_switches: dict[str, SwitchBody]
    location: LocationBody
    local_networks: list[str]
    labels: dict[str, RackLabel]


def build(name: str, body: Body) -> Rack:
    location = body.get("location")
    return Rack(
        name=name,
        tor_switches=tuple(
            TorSwitch(switch, entry.get("mgmt_ip"), entry.get("sdn_api_uri"))
            for switch, entry in body.get("tor_switches", {}).items()
        ),
        location=location.model_dump(exclude_unset=True) if location else {},
        local_networks=tuple(body.get("local_networks", ())),
        labels=body.get("labels", {}),
    )

"""What a BMC told: the element of the build data that verify_nodes and its like keep."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from drydockd.api.base import Answer

DATA_FORMAT = "application/json"


class BmcFacts(Answer):
    """Identity and state, never a credential; None or empty: the BMC does not say.

    `boot_device` is the override in words, `tls` how the connection was secured, `seconds` how
    long a plain question took, `odd` what somebody should look at. With `contradictions` it is
    another machine than the node's and nothing of this is held for the node's. What was known
    of the node before `accepted` (ISO 8601) does not count any more.
    """

    kind: Literal["BmcFacts"] = "BmcFacts"
    power: Literal["on", "off", "unknown"]
    boot_device: str | None = None
    vendor: str | None = None
    model: str | None = None
    serial: str | None = None
    uuid: str | None = None
    name: str | None = None
    macs: list[str] = Field(default_factory=list)
    firmware: str | None = None
    tls: str | None = None
    seconds: float | None = None
    odd: list[str] = Field(default_factory=list)
    contradictions: list[str] = Field(default_factory=list)
    accepted: str | None = None

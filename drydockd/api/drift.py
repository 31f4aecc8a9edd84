"""How a deployed node differs: the element of the build data that verify_nodes keeps."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from drydockd.api.base import Answer

DATA_FORMAT = "application/json"
GENERATOR = "drift"


class Difference(BaseModel):
    """`source`: what `wanted` was taken from, ``design``, ``deployment`` or ``catalogue``."""

    model_config = ConfigDict(frozen=True)

    what: str
    wanted: str
    found: str
    source: str


class Drift(Answer):
    """Of a deployed node; no differences: it is as it was deployed, and as its design says.

    `absent` is what could not be compared, as nobody tells it. `left_out`: so many differences
    more than are listed.
    """

    kind: Literal["Drift"] = "Drift"
    deployment_id: str | None = None
    differences: list[Difference] = Field(default_factory=list)
    absent: list[str] = Field(default_factory=list)
    left_out: int = 0

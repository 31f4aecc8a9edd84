"""Which nodes of a design a filter selects. Source: contract, tasks, section 8; api, 6.1."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from drydockd.api.base import Request


class NodeFilterRequest(Request):
    """The body of POST nodefilter; the answer is the list of names."""

    design_ref: str = Field(min_length=1)
    # Judged by the design, as in TaskRequest.
    node_filter: dict[str, object] | None = None

    @classmethod
    def refusal(cls, field: str, given: Mapping[str, object]) -> str | None:
        if field == "design_ref" and not given.get("design_ref"):
            return "Missing input required value: design_ref"
        return None

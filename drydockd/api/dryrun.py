"""What a task would do. Source: architecture, decision 9."""

from __future__ import annotations

from typing import Literal

from drydockd.api.base import Answer
from drydockd.api.validation import Finding


class DryRun(Answer):
    """`steps` maps each node to its steps in order; site-wide ones are under ``""``.

    `notes` say what would fail before it starts, such as an OOB type without a driver.
    `unmatched` are names in the filter that no node has, each with the nearest that one has.
    """

    kind: Literal["DryRun"]
    action: str
    design_ref: str
    nodes: list[str]
    steps: dict[str, list[str]]
    valid: bool
    findings: list[Finding]
    notes: list[str]
    unmatched: dict[str, str | None]

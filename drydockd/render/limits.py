"""How much one asset and one node's boot data may cost."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of rendering; passing one of them is a RenderError that names the bound.

    `asset_bytes` bounds every intermediate and final value of one asset, `total_bytes` all
    assets of one request. `template_seconds` and `template_memory_bytes` bound one template,
    of which `template_workers` are rendered at once; `package_list_bytes` one fetched package list.
    """

    asset_bytes: int = 16 * 2**20
    total_bytes: int = 64 * 2**20
    template_seconds: float = 2.0
    template_memory_bytes: int = 128 * 2**20
    template_workers: int = 3
    package_list_bytes: int = 2**20

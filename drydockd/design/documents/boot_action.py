"""BootAction: what is put on deployed nodes. Source: contract, design, section 3.8."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Required

from pydantic import with_config
from typing_extensions import TypedDict

from drydockd.design import nodefilter
from drydockd.design.documents.fields import (
    CLOSED,
    AbsolutePath,
    Location,
    PackageData,
    Permissions,
    RackLabel,
)
from drydockd.design.documents.host import Violation
from drydockd.errors import InvalidDesign
from drydockd.site import Asset, BootActionSpec

SegmentName = Literal["base64_encode", "base64_decode", "utf8_encode", "utf8_decode", "template"]


@with_config(CLOSED)
class AssetBody(TypedDict, total=False):
    type: Required[Literal["unit", "file", "pkg_list"]]
    path: AbsolutePath
    location: Location
    data: PackageData
    location_pipeline: list[Literal["template"]]
    data_pipeline: list[SegmentName]
    permissions: Permissions


@with_config(CLOSED)
class TermBody(TypedDict, total=False):
    filter_type: Required[Literal["intersection", "union"]]
    node_names: list[str]
    node_tags: list[str]
    rack_names: list[str]
    node_labels: dict[str, RackLabel]
    rack_labels: dict[str, RackLabel]


@with_config(CLOSED)
class FilterBody(TypedDict, total=False):
    filter_set_type: Required[Literal["intersection", "union"]]
    filter_set: list[TermBody]


@with_config(CLOSED)
class Body(TypedDict, total=False):
    assets: Required[list[AssetBody]]
    signaling: bool
    node_filter: FilterBody


def violations(body: Body) -> Iterator[Violation]:
    """What one field asks of another."""
    for i, asset in enumerate(body["assets"]):
        kind = asset["type"]
        if kind != "pkg_list" and "path" not in asset:
            yield ("assets", i, "path"), f"is required for an asset of type {kind}"
        if "location" not in asset and "data" not in asset:
            yield ("assets", i), "one of location and data is required"
        if kind != "pkg_list" and isinstance(asset.get("data"), dict):
            yield ("assets", i, "data"), f"a string is required for an asset of type {kind}"


def build(name: str, body: Body) -> BootActionSpec:
    """Return the boot action, its targets not computed. Raises InvalidDesign."""
    return BootActionSpec(
        name=name,
        signaling=body.get("signaling", True),
        assets=tuple(_asset(entry, i) for i, entry in enumerate(body["assets"])),
        node_filter=nodefilter.parse(body.get("node_filter")),
    )


def _asset(body: AssetBody, number: int) -> Asset:
    data = body.get("data")
    packages = None
    if body["type"] == "pkg_list":
        if isinstance(data, dict):
            packages, data = data, None
        elif "location" not in body:
            raise InvalidDesign(
                f"assets[{number}]: the data of a pkg_list must be a mapping of package names to "
                "versions, unless it is fetched from a location"
            )
    permissions = body.get("permissions")
    return Asset(
        type=body["type"],
        path=body.get("path"),
        location=body.get("location"),
        data=data if isinstance(data, str) else None,
        package_list=packages,
        location_pipeline=tuple(body.get("location_pipeline", ())),
        data_pipeline=tuple(body.get("data_pipeline", ())),
        permissions=None if permissions is None else int(permissions, 8),
    )

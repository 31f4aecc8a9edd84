"""A package list names packages, and versions that a package may have."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import Asset, BootActionSpec, Site

ORDER, CODE, NAME = 180, "DD4002", "Bootaction pkg_list Validation"

# [epoch:]upstream[-revision]; an upstream version may itself contain hyphens, so only the
# last character and the epoch need a look. Source: contract, validation, 5.18.
_is_version = re.compile(r"(?:[0-9]+:)?[A-Za-z0-9.+~-]*[A-Za-z0-9.+~]").fullmatch


def check(site: Site) -> Iterator[Verdict]:
    for action in site.bootactions.values():
        for asset in action.assets:
            if asset.type == "pkg_list":
                yield from _judge(asset, action)


def _judge(asset: Asset, action: BootActionSpec) -> Iterator[Verdict]:
    if not asset.location and not asset.package_list:
        yield error(
            f"a pkg_list asset of boot action {action.name} names no packages.",
            "Give the asset a map of package names to versions in data, or a location.",
            action.ref,
        )
    for package, version in (asset.package_list or {}).items():
        if version and not _is_version(version):
            yield error(
                f"boot action {action.name}: version {version!r} of package {package} "
                "is not a package version.",
                "Write [epoch:]upstream[-revision], for example 1:2.3-4ubuntu1, "
                "or nothing for any version.",
                action.ref,
            )

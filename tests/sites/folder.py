"""Where real site designs with the original's answers are, if anybody has them.

`DRYDOCKD_SITES` names the folder; without it, `../shared/sites` beside the checkout is looked
for. `DRYDOCKD_SITES=` (empty) says that there is none. A site is a folder with a `site.yaml`.
"""

import json
import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "sites"


class NoSites(Exception):
    """`DRYDOCKD_SITES` names what is no folder of sites."""


@cache
def folder() -> Path | None:
    """Return the folder of sites, None if none is given. Raises NoSites."""
    named = os.environ.get("DRYDOCKD_SITES")
    if named is None:
        return BESIDE if sites_in(BESIDE) else None
    if named == "":
        return None
    if not sites_in(Path(named)):
        raise NoSites(f"DRYDOCKD_SITES={named}: no folder that holds <site>/site.yaml")
    return Path(named).resolve()


def sites_in(path: Path) -> list[str]:
    return sorted(file.parent.name for file in path.glob("*/site.yaml"))


@cache
def site_names() -> tuple[str, ...]:
    """The sites there are; none without a folder."""
    where = folder()
    return tuple(sites_in(where)) if where else ()


def site_path(name: str) -> Path:
    where = folder()
    assert where is not None, "asked for a real site where none is given"
    return where / name / "site.yaml"


def reference(name: str, what: str) -> Any:
    """Return ``reference-<what>.json`` of a site, parsed."""
    file = site_path(name).parent / f"reference-{what}.json"
    return json.loads(file.read_text(encoding="utf-8"))


def on_sites(*names: str) -> list[Any]:
    """Parameters for a test: each site there is, or each of `names` that is there."""
    wanted = [name for name in names or site_names() if name in site_names()]
    return [pytest.param(name, marks=pytest.mark.sites(name)) for name in wanted]


def on_site_files(*names: str) -> list[Any]:
    """As on_sites, but the parameter is the path of the design."""
    wanted = [name for name in names or site_names() if name in site_names()]
    return [
        pytest.param(site_path(name), marks=pytest.mark.sites(name), id=name) for name in wanted
    ]


def on_indexes() -> list[Any]:
    """Parameters for a test: each ``reference-assets/<node>/index.json`` there is."""
    return [
        pytest.param(path, marks=pytest.mark.sites(name), id=f"{name}-{path.parent.name}")
        for name in site_names()
        for path in sorted(site_path(name).parent.glob("reference-assets/*/index.json"))
    ]

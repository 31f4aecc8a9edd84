"""Whole designs of our own, each written for the peculiarities its first comment names.

Beside each `site.yaml` stand its right answers, written by reading the contract:
`findings.yaml`, and for those that load `effective.yaml` and `assets/<node>.yaml`.
"""

from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent / "data" / "designs"
EXAMPLE = Path(__file__).parents[1] / "conf" / "example-site" / "site.yaml"

NAMES = sorted(path.name for path in ROOT.iterdir())
LOADING = sorted(path.parent.name for path in ROOT.glob("*/effective.yaml"))
RENDERED = sorted((path.parts[-3], path.stem) for path in ROOT.glob("*/assets/*.yaml"))
"""Pairs of design and node whose assets are written down."""

FILES = {**{name: ROOT / name / "site.yaml" for name in NAMES}, "example-site": EXAMPLE}
"""Every design there is, the published example too."""


def on_designs(*names: str) -> list[Any]:
    """Parameters for a test: the path of every design, or of these."""
    return [pytest.param(FILES[name], id=name) for name in names or FILES]


def design_path(name: str) -> Path:
    return FILES[name]


@cache
def answers(name: str, what: str) -> Any:
    """Return what ``<what>.yaml`` of a design holds."""
    return yaml.safe_load((ROOT / name / f"{what}.yaml").read_text(encoding="utf-8"))

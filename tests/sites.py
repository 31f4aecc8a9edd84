"""Where the real site designs are: beside the checkout, or in DRYDOCKD_SITES."""

import json
import os
from pathlib import Path
from typing import Any

SITES = Path(
    os.environ.get("DRYDOCKD_SITES", Path(__file__).resolve().parents[2] / "shared" / "sites")
)

if not SITES.is_dir():
    raise RuntimeError(f"{SITES}: the site designs are missing; set DRYDOCKD_SITES to their folder")

NAMES = sorted(p.name for p in SITES.iterdir() if p.is_dir())


def site_path(name: str) -> Path:
    return SITES / name / "site.yaml"


def reference(name: str, what: str) -> Any:
    """Return ``reference-<what>.json`` of a site, parsed."""
    return json.loads((SITES / name / f"reference-{what}.json").read_text(encoding="utf-8"))

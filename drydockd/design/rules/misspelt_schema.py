"""A document whose schema is nearly ours is skipped like one of somebody else."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, noted
from drydockd.site import NoteKind, Site

ORDER, CODE, NAME = 320, "DD2914", "Schema Spelling"


def check(site: Site) -> Iterator[Verdict]:
    yield from noted(site, NoteKind.MISSPELT_SCHEMA)

"""Keys that nobody reads are ignored, where the documents may have any."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, noted
from drydockd.site import NoteKind, Site

ORDER, CODE, NAME = 340, "DD2916", "Unknown Keys"


def check(site: Site) -> Iterator[Verdict]:
    yield from noted(site, NoteKind.UNKNOWN_KEY)

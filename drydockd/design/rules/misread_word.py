"""Words that YAML 1.1 reads as booleans or numbers were probably meant as text."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, noted
from drydockd.site import NoteKind, Site

ORDER, CODE, NAME = 310, "DD2913", "YAML Words"


def check(site: Site) -> Iterator[Verdict]:
    yield from noted(site, NoteKind.MISREAD_WORD)

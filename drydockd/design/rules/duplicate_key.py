"""A key that stands twice in a mapping loses its first value without a trace."""

from __future__ import annotations

from collections.abc import Iterator

from drydockd.design.rules import Verdict, noted
from drydockd.site import NoteKind, Site

ORDER, CODE, NAME = 330, "DD2915", "Duplicate Keys"


def check(site: Site) -> Iterator[Verdict]:
    yield from noted(site, NoteKind.DUPLICATE_KEY)

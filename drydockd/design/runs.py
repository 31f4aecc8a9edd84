"""Cutting a stream of YAML documents into runs of our own and of others, before it is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from functools import cache
from itertools import pairwise

OURS = "drydock"

# raw_parse holds the interpreter for the whole run: 64 KiB take about 2 ms.
FOREIGN_RUN = 64 * 1024

_HEADS = re.compile(rb"^(?:schema|apiVersion|['\"?{]|%)", re.MULTILINE)
_FOREIGN = re.compile(rb"^schema:[ ]+(?!drydock/)([\w.-]+)/[\w./-]+[ ]*\r?$", re.MULTILINE)
_BOM = b"\xef\xbb\xbf"
# Line breaks of YAML that bytes.find would miss.
_ODD_BREAKS = (b"\xc2\x85", b"\xe2\x80\xa8", b"\xe2\x80\xa9")


def without_marks(content: bytes) -> bytes:
    """Leave out the byte order marks of files that were joined: each may have its own."""
    if _BOM not in content:
        return content
    return content.removeprefix(_BOM).replace(b"\n" + _BOM, b"\n")


def runs(content: bytes) -> Iterator[tuple[int, int, int, bool]]:
    """Cut the stream into (start, end, lines before, foreign) of equal kind.

    A document counts as foreign only when it says so beyond doubt: its one line that may
    hold the schema names another namespace, and ours occurs nowhere in it.
    """
    starts = _starts(content) if _may_be_cut(content) else []
    if not starts:
        yield 0, len(content), 0, False
        return
    edges = [0, *starts, len(content)] if starts[0] else [*starts, len(content)]
    begin, lines, kind = edges[0], 0, False
    for start, end in pairwise(edges):
        foreign = _is_foreign(content, start, end)
        if start > begin and (foreign != kind or (foreign and end - begin > FOREIGN_RUN)):
            yield begin, start, lines, kind
            lines += content.count(b"\n", begin, start)
            begin = start
        kind = foreign
    yield begin, len(content), lines, kind


def _may_be_cut(content: bytes) -> bool:
    """Whether cutting at ``---`` is both safe and of use."""
    if content.startswith(b"%") or b"\n%" in content:
        return False
    if content.count(b"\r") != content.count(b"\r\n") or any(b in content for b in _ODD_BREAKS):
        return False
    heads = content.count(b"\nschema:") + content.startswith(b"schema:")
    return heads != content.count(b"\nschema: drydock/") + content.startswith(b"schema: drydock/")


def _starts(content: bytes) -> list[int]:
    """Where the lines of ``---`` begin."""
    found = [0] if content.startswith(b"---") else []
    at = content.find(b"\n---")
    while at >= 0:
        if content[at + 4 : at + 5] in (b" ", b"\t", b"\r", b"\n", b""):
            found.append(at + 1)
        at = content.find(b"\n---", at + 1)
    return found


def _is_foreign(content: bytes, start: int, end: int) -> bool:
    if content.find(b"drydock/", start, end) >= 0:
        return False
    chunk = content[start:end]
    if len(_HEADS.findall(chunk)) != 1:
        return False
    found = _FOREIGN.search(chunk)
    # What was meant to be ours is not passed over in silence.
    return found is not None and not resembles_ours(found[1].decode("utf-8", "replace"))


@cache
def resembles_ours(namespace: str) -> bool:
    """Whether another namespace is a misspelling of ours: ``Drydock``, ``drydok``."""
    if namespace == OURS:
        return False
    folded = namespace.casefold().strip()
    return folded == OURS or bool(get_close_matches(folded, (OURS,), 1, 0.8))

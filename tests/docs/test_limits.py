"""docs/limits.md: every bound has a test that exists; its options are checked with all others."""

import re

from tests.docs.pages import ROOT, Row, page

LIMITS = "docs/limits.md"


def bounds() -> list[Row]:
    return page(LIMITS).rows


def test_the_page_has_bounds():
    assert bounds()


def test_every_bound_names_what_who_how_much_and_what_then():
    lacking = [
        f"{row.where}: {column}"
        for row in bounds()
        for column in ("Resource", "Grown by", "Bound", "Beyond it", "Test")
        if not row.cells[column].strip()
    ]
    assert not lacking, lacking


def test_every_bound_has_a_test_that_exists():
    missing = []
    for row in bounds():
        named = row.code("Test")
        assert named, row.where
        for name in named:
            path, _, function = name.partition("::")
            file = ROOT / path
            is_there = file.is_file() and (
                not function or re.search(rf"def {function}\b", file.read_text())
            )
            if not is_there:
                missing.append(f"{row.where}: {name}")
    assert not missing, missing

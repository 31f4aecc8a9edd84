"""Troubleshooting: every code of a finding has its row, every message it quotes is one."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from drydockd.design.rules import all_rules
from drydockd.handlers.outcomes import STEPS
from tests.docs.pages import ROOT, page, rows

CODE = re.compile(r"DD\d{3,4}")
PAGE = "docs/troubleshooting.md"


@cache
def source() -> str:
    """Every text in the program, joined by what is in none of them."""
    found = set()
    for path in (ROOT / "drydockd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return "\0".join(found)


def codes_of_the_program() -> set[str]:
    return set(CODE.findall(source()))


def unknown(quoted: str) -> list[str]:
    """The parts of a quoted message that stand in no text of the program."""
    parts = [part.strip(" ;,:.()") for part in quoted.split("...")]
    return [part for part in parts if part and part not in source()]


def test_every_code_of_the_program_has_a_row_and_no_other():
    written = {(r.cells["Code"], r.cells["Rule"]) for r in rows("Code", "Rule", "What to do")}
    ruled = {(rule.code, rule.name) for rule in all_rules()}
    assert {(code, name) for code, name in written if code not in ("DD000", "DD001")} == ruled
    assert {code for code, _ in written} == codes_of_the_program()


def test_every_row_says_what_to_do():
    empty = [
        row.where
        for row in rows("What to do")
        if row.where.startswith(PAGE) and not row.cells["What to do"].strip()
    ]
    assert not empty


def test_for_every_step_it_says_why_a_node_is_stuck_there():
    told = {
        word
        for row in rows("You see")
        if "stuck in" in row.cells["You see"] or "failed in" in row.cells["You see"]
        for word in row.code("You see")
    }
    assert told == {step.value for step in STEPS}


def test_every_message_that_is_quoted_is_one_of_the_program():
    wrong = [
        f"{row.where}: nothing says {part!r}"
        for row in rows("You see")
        for quoted in row.code("You see")
        for part in unknown(quoted)
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("quoted", "parts"),
    [
        ("Waiting for ...", []),
        ("Waitign for ...", ["Waitign for"]),
        ("... is wrongly put", ["is wrongly put"]),
    ],
)
def test_a_message_that_nothing_says_is_seen(quoted, parts):
    assert unknown(quoted) == parts


def test_findings_refer_to_a_page_that_is_there():
    assert Path(page(PAGE).path).is_file()

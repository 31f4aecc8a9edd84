"""The words of the API document."""

import re

import pytest

from drydockd.handlers import all_routes, wording
from drydockd.handlers.document import operations
from drydockd.handlers.refusals import STATUS


def test_a_line_of_markdown_loses_its_links_and_nothing_else():
    said = "the [verdict](rules.md#x): `200` [valid](a.md), 400 not"
    assert wording.plain(said) == "the verdict: `200` valid, 400 not"


def test_a_models_words_are_for_those_who_have_no_checkout():
    said = "What ``x`` was.\n\nMore of it. Source: contract,\napi, section 3; tasks."
    assert wording.of_model(said) == "What `x` was.\n\nMore of it."


@pytest.mark.parametrize(
    ("pattern", "tag"),
    [
        ("/versions", "service"),
        ("/api/v1.0/tasks/{task_id}", "tasks"),
        ("/api/v1.0/bootactions/nodes/{host}/units", "boot actions"),
    ],
)
def test_a_route_is_tagged_by_what_it_is_about(pattern, tag):
    assert wording.tag(pattern) == tag
    assert tag in wording.TAGS


def test_every_variable_of_a_path_is_described():
    named = {name for one in operations(all_routes(1, 1).all) for name in one.variables}
    assert named == set(wording.VARIABLES)


def test_every_status_that_an_error_becomes_is_described():
    assert {status for _, status, _ in STATUS} | {500} <= set(wording.REFUSALS)


@pytest.mark.parametrize("status", wording.REFUSALS)
def test_an_example_looks_like_the_refusal_it_is_one_of(status):
    name, about = wording.REFUSALS[status]
    assert re.fullmatch(r"[A-Z][A-Za-z]+", name)
    assert about.endswith(".")
    assert set(wording.example(status)) == {"type", "message", "retry"}


def test_the_version_is_that_of_the_program():
    assert wording.info("1.2.3")["version"] == "1.2.3"

import re

import pytest

from drydockd.model import Message
from drydockd.web.assets import Assets
from drydockd.web.looks import make_environment
from drydockd.web.taskparts import MOST_NAMED, Partial, Parts, event, joined
from tests.web.helpers import text_of
from tests.web.test_tasktree import attempt, deploying


@pytest.fixture(scope="module")
def parts():
    return Parts(make_environment("/ui", Assets()))


def test_the_head_counts_the_states_in_words(parts):
    tree = deploying(nodes=3)
    attempt(tree, "a", "n1", "incomplete")
    assert text_of(parts.head(tree)).startswith("▶ running 3 nodes")
    assert text_of(parts.head(tree)).endswith("▶ 1 running ◷ 2 waiting")


def test_a_cause_of_many_nodes_names_some_and_counts_the_rest(parts):
    tree = deploying(nodes=12, reason=lambda _: "the BMC refuses the login")
    for number in range(12):
        attempt(tree, f"t{number}", f"n{number:02}", "failure")
        tree.refuse(f"n{number:02}", "")
    text = text_of(parts.causes(tree))
    assert "12 nodes: the BMC refuses the login in step deploy node" in text
    assert f"and {12 - MOST_NAMED} more" in text
    assert parts.causes(deploying()) == ""


def test_a_step_of_a_thousand_nodes_is_short_and_leads_to_all(parts):
    tree = deploying(nodes=1000)
    for number in range(1000):
        attempt(tree, f"t{number}", f"n{number:04}", "success" if number % 2 else "incomplete")
    html = parts.step(tree, tree.steps["deploy_node"])
    assert len(html) < 16_000
    assert "/ui/tasks/root/steps/deploy_node" in html
    assert "and 952 more" in text_of(html)


def test_a_line_has_its_number_and_what_was_said_as_text(parts):
    said = Message("t", "no <b>disk</b>", error=True, ts="2026-01-01T00:00:01+00:00")
    line = parts.line("root", 7, said, "n1", "deploy_node")
    assert (line.number, line.node) == (7, "n1")
    assert line.html.startswith('<li id="m7" class="error">')
    assert "no &lt;b&gt;disk&lt;/b&gt;" in line.html
    assert joined([line, line]) == line.html * 2


def test_the_links_to_more_are_there_when_there_is_more(parts):
    assert parts.earlier("root", 1, None) == ""
    assert 'href="/ui/tasks/root?before=501#log"' in parts.earlier("root", 501, None)
    assert "node=n1&amp;before=501" in parts.earlier("root", 501, "n1")
    assert parts.errors("root", None, None) == ""
    assert "#m9" in parts.errors("root", 9, None)


def test_an_event_is_one_whatever_ends_of_lines_are_in_it():
    sent = event("a.1", [Partial("log", "beforeend", "one\r\ntwo\rthree\nfour")]).decode()
    lines = sent.removesuffix("\n\n").split("\n")
    assert lines[0] == "id: a.1"
    assert all(line.startswith("data: ") for line in lines[1:])
    assert re.sub(r"\s*data: ", " ", "".join(lines[1:])).strip().endswith("four</hx-partial>")

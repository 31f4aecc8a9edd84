import pytest

from drydockd.design.runs import resembles_ours, runs, without_marks
from drydockd.design.yamlstream import documents

MARK = "\ufeff".encode()


@pytest.mark.parametrize("namespace", ["Drydock", "DRYDOCK", "drydok", "dry-dock"])
def test_a_document_that_is_nearly_ours_is_not_passed_over(namespace):
    schemas = (f"schema: {name}/Rack/v1\nmetadata: {{name: r}}\n" for name in (namespace, "pegleg"))

    found = list(documents("---\n".join(["", *schemas]).encode()))

    assert [d.head("schema") for d in found] == [f"{namespace}/Rack/v1"]


@pytest.mark.parametrize("namespace", ["pegleg", "promenade", "deckhand", "shipyard", "drydock"])
def test_other_programs_and_our_own_name_resemble_nothing(namespace):
    assert not resembles_ours(namespace)


def test_documents_of_others_are_runs_of_their_own():
    ours, theirs = b"---\nschema: drydock/Rack/v1\n", b"---\nschema: pegleg/Site/v1\n"

    found = list(runs(ours + theirs + ours))

    assert [(offset, foreign) for _, _, offset, foreign in found] == [
        (0, False),
        (2, True),
        (4, False),
    ]


def test_marks_are_left_out_at_the_beginning_of_lines_only():
    assert without_marks(MARK + b"a: 1\n" + MARK + b"---\n") == b"a: 1\n---\n"
    assert without_marks(b"a: x" + MARK + b"\n") == b"a: x" + MARK + b"\n"


def test_runs_of_foreign_documents_are_short(monkeypatch):
    monkeypatch.setattr("drydockd.design.runs.FOREIGN_RUN", 100)
    text = ("---\nschema: a/b/v1\nx: 1\n" * 50 + "---\nschema: drydock/Rack/v1\n").encode()
    found = list(runs(text))
    assert max(end - start for start, end, _, foreign in found if foreign) < 200
    assert [d.line for d in documents(text)] == [152]

from dataclasses import replace

from drydockd.design.rules import misspelt_schema as rule
from drydockd.site import Note, NoteKind
from tests.design.rules.helpers import a_site, node_document, the_only, verdicts


def noted(kind):
    note = Note(kind, "what was seen.", "what would be right", (node_document("n1"),), 7)
    return replace(a_site(), notes=(note,))


def test_a_design_without_such_a_note_passes():
    assert not verdicts(rule, a_site())
    assert not verdicts(rule, noted(NoteKind.UNKNOWN_KEY))


def test_what_reading_noticed_is_a_warning_with_its_document_and_line():
    found = the_only(verdicts(rule, noted(NoteKind.MISSPELT_SCHEMA)))

    assert (found.level, found.text, found.line) == ("Warning", "what was seen.", 7)
    assert found.documents == (node_document("n1"),)

"""Findings of reading and compiling have one shape."""

from drydockd.design.findings import trouble, violation
from drydockd.site import DocumentRef, Level

REF = DocumentRef("drydock/Network/v1", "lan")


def test_a_trouble_names_documents_line_and_what_would_be_right():
    finding = trouble("it is wrong", REF, line=7, right="Do it so.")
    assert (finding.code, finding.level, finding.error) == ("DD000", Level.ERROR, True)
    assert finding.message == "it is wrong (line 7)."
    assert finding.diagnostic == "Do it so. See DD000 in the troubleshooting guide."
    assert (finding.documents, finding.line) == ((REF,), 7)
    assert finding.ts.endswith("+00:00")


def test_a_line_the_message_names_is_not_repeated():
    assert trouble("x at line 7, column 1", line=7).message == "x at line 7, column 1."


def test_a_warning_is_no_error():
    assert not trouble("odd", warning=True).error


def test_a_violation_names_kind_path_and_expectation():
    finding = violation("Network:v1", "vlan", "a string is required", REF, 0, "")
    assert finding.code == "DD001"
    assert finding.message == "Network:v1 schema violation at vlan: a string is required."
    assert violation("N:v1", "", "x", REF, 0, "").message == "N:v1 schema violation: x."

import pytest

from drydockd.design.rules import unknown_oob_type as rule
from tests.design.rules.helpers import a_node, a_site, node_document, the_only, verdicts


def judged(kind, enabled=None):
    return verdicts(rule, a_site(a_node("n1", oob_type=kind)), oob_types=enabled)


@pytest.mark.parametrize("kind", ["ipmi", "redfish", "libvirt", "manual"])
def test_known_types_pass_where_nobody_knows_what_is_enabled(kind):
    assert not judged(kind)
    assert not judged(kind, ("manual", kind))


def test_an_unknown_type_is_a_warning_offline():
    found = the_only(judged("ipmy"))

    assert (found.level, "did you mean ipmi?" in found.text) == ("Warning", True)
    assert "ipmi, redfish, libvirt, manual" in found.hint


@pytest.mark.parametrize(("kind", "seen"), [("ilo", "is unknown"), ("redfish", "is not enabled")])
def test_a_type_no_enabled_driver_answers_for_is_an_error_with_those_that_are(kind, seen):
    found = the_only(judged(kind, ("ipmi", "manual")))

    assert (found.level, seen in found.text) == ("Error", True)
    assert "Enabled are ipmi, manual" in found.hint
    assert found.documents == (node_document("n1"),)


@pytest.mark.parametrize("enabled", [None, ("manual",)])
def test_a_node_without_a_type_is_a_warning(enabled):
    assert the_only(judged(None, enabled)).level == "Warning"


def test_without_any_oob_driver_nothing_is_judged_but_said():
    found = the_only(judged("ilo", ()))

    assert (found.level, found.documents) == ("Warning", ())

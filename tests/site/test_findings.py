"""Findings: which of them are errors."""

from drydockd.site import Finding, Level


def test_only_errors_are_errors():
    levels = {level: Finding("DD000", level, "x").error for level in Level}
    assert levels == {Level.ERROR: True, Level.WARNING: False, Level.INFO: False}

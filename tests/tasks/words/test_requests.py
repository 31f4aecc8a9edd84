from drydockd.model import Action
from drydockd.site import Finding, Level
from drydockd.tasks.words.requests import DryRun


def test_a_plan_with_an_error_among_its_findings_is_not_valid():
    findings = (Finding("DD1", Level.WARNING, "careful"),)
    plan = DryRun(Action.NOOP, "ref", (), {}, findings)
    assert plan.is_valid

    bad = DryRun(Action.NOOP, "ref", (), {}, (*findings, Finding("DD2", Level.ERROR, "no")))
    assert not bad.is_valid

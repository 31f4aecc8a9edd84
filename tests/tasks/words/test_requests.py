from drydockd.drivers.oob.fake import FakeOob
from drydockd.model import Action
from drydockd.site import Finding, Level
from drydockd.tasks.words.requests import Drivers, DryRun


def test_the_first_driver_that_knows_the_type_is_used():
    first = FakeOob(oob_types=["ipmi"])
    second = FakeOob(oob_types=["ipmi", "redfish"])
    drivers = Drivers(oob=[first, second])

    assert drivers.oob_for("ipmi") is first
    assert drivers.oob_for("redfish") is second
    assert drivers.oob_for("manual") is None
    assert drivers.oob_for(None) is None


def test_a_plan_with_an_error_among_its_findings_is_not_valid():
    findings = (Finding("DD1", Level.WARNING, "careful"),)
    plan = DryRun(Action.NOOP, "ref", (), {}, findings)
    assert plan.is_valid

    bad = DryRun(Action.NOOP, "ref", (), {}, (*findings, Finding("DD2", Level.ERROR, "no")))
    assert not bad.is_valid

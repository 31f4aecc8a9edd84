from dataclasses import replace

import pytest

from drydockd.errors import Conflict
from drydockd.model import BootActionStatus, BootContext
from drydockd.tasks.words import bootedits
from drydockd.tasks.words.bootedits import Told
from tests.store.helpers import a_boot_action

CONTEXT = BootContext("n1", "c1", "t1", "file:///x", "", "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("edit", [bootedits.failed, bootedits.troubled])
def test_a_cause_is_noted_once_and_another_one_again(edit):
    once = edit(CONTEXT, "c1", "units", "away")
    with pytest.raises(Told):
        edit(once, "c1", "units", "away")
    for kind, text in (("units", "refused"), ("files", "away")):
        assert edit(once, "c1", kind, text) != once


def test_only_what_stays_so_is_kept_as_a_failure():
    assert bootedits.failed(CONTEXT, "c1", "units", "x").failed == {"units": "x"}
    for_now = bootedits.troubled(CONTEXT, "c1", "units", "x")
    assert (for_now.failed, for_now.troubles) == ({}, {"units": "x"})


@pytest.mark.parametrize(
    "context", [replace(CONTEXT, context_id="c2"), replace(CONTEXT, closed="now")]
)
def test_of_a_deployment_that_is_over_nothing_is_noted(context):
    for note in (
        lambda: bootedits.failed(context, "c1", "units", "x"),
        lambda: bootedits.troubled(context, "c1", "units", "x"),
        lambda: bootedits.delivered(context, "c1", "units", "now"),
    ):
        with pytest.raises(Told):
            note()


def test_a_delivery_is_noted_the_first_time_and_after_a_failure():
    first = bootedits.delivered(CONTEXT, "c1", "units", "then")
    with pytest.raises(Told):
        bootedits.delivered(first, "c1", "units", "now")
    again = bootedits.delivered(bootedits.failed(first, "c1", "units", "x"), "c1", "units", "now")
    assert (again.delivered, again.failed) == ({"units": "then"}, {})


def test_a_report_adds_up_and_nothing_is_reported_of_what_has_ended():
    row = a_boot_action("A")
    row = bootedits.reported(row, None, "now", 1, 10)
    row = bootedits.reported(row, BootActionStatus.SUCCESS, "then", 1, 5)
    assert (row.status, row.updated, row.reports, row.report_bytes) == ("success", "then", 2, 15)
    for over in (row, bootedits.closed(a_boot_action("A"), "now")):
        with pytest.raises(Conflict, match="finalized"):
            bootedits.reported(over, None, "now", 1, 0)


def test_what_ends_stays_as_it_ended_first():
    assert bootedits.closed(bootedits.closed(a_boot_action("A"), "1"), "2").closed == "1"
    assert bootedits.ended(bootedits.ended(CONTEXT, "1"), "2").closed == "1"


def test_only_the_deployment_that_was_meant_lets_go_of_what_is_pinned():
    assert bootedits.released(CONTEXT, "c2") is CONTEXT
    assert bootedits.released(CONTEXT, "c1").pins == ()

import pytest

from drydockd.errors import Conflict, TooLarge
from drydockd.model import BootAction, BootActionStatus, BootContext, timestamp
from drydockd.tasks.words.reports import (
    ACTION,
    MESSAGE_BYTES,
    NODE,
    NOTHING,
    Full,
    ReportDetail,
    Share,
    Spent,
    check_action,
    check_node,
    check_sizes,
    fitting,
    heard,
    is_near,
    reported,
    size_bytes,
    spent_on,
)
from drydockd.tasks.words.settings import ReportLimits

LIMITS = ReportLimits(
    detail_fields=2,
    detail_bytes=40,
    reports=3,
    report_bytes=1000,
    node_reports=5,
    node_report_bytes=2000,
)
PLAIN = ReportDetail("disks ready")
MANY = ReportDetail("many", extra={"a": 1, "b": 2, "c": 3})
LONG = ReportDetail("long", extra={"a": "x" * 100})


def a_row(action_id, reports, size):
    incomplete = BootActionStatus.INCOMPLETE
    return BootAction(
        action_id, "n1", "x", "t", "c", incomplete, "", reports=reports, report_bytes=size
    )


def test_what_is_kept_counts_texts_fields_and_what_each_message_costs():
    detail = ReportDetail("ä", extra={"a": [1]})
    assert size_bytes([detail, PLAIN]) == 2 * MESSAGE_BYTES + 2 + len('{"a":[1]}') + 11


def test_what_a_node_used_up_is_that_of_its_boot_actions():
    assert spent_on([a_row("A", 2, 20), a_row("B", 1, 10)]) == Spent(3, 30)
    assert spent_on([]) == NOTHING


def test_of_two_accounts_of_the_same_the_greater_is_right():
    assert Spent(2, 30) | Spent(3, 20) == Spent(3, 30)


@pytest.mark.parametrize(
    ("details", "problem"),
    [
        ([PLAIN, MANY], r"details\[1\]: 3 .*bootactions.detail_fields"),
        ([LONG], r"details\[0\]: 108 bytes .*bootactions.detail_bytes"),
    ],
)
def test_a_detail_over_a_limit_names_it_and_its_option(details, problem):
    with pytest.raises(TooLarge, match=problem):
        check_sizes(details, LIMITS)
    check_sizes([PLAIN, PLAIN], LIMITS)


@pytest.mark.parametrize(
    ("check", "of", "spent", "option"),
    [
        (check_action, ACTION, Spent(3, 0), "has sent 3 reports.*bootactions.reports"),
        (check_action, ACTION, Spent(0, 900), "come to 1001 bytes.*bootactions.report_bytes"),
        (check_node, NODE, Spent(5, 0), "has sent 5 reports.*bootactions.node_reports"),
        (check_node, NODE, Spent(0, 1900), "come to 2001 bytes.*bootactions.node_report_bytes"),
    ],
)
def test_a_report_over_a_limit_names_it_its_option_and_what_was_spent(check, of, spent, option):
    with pytest.raises(Full, match=f"the .*{of}.*{option}.*only a final status") as full:
        check(LIMITS, spent, 101)
    assert (full.value.of, full.value.spent) == (of, spent)


def test_what_is_within_the_limits_is_taken_whole():
    check_action(LIMITS, Spent(2, 400), 600)
    check_node(LIMITS, Spent(4, 1400), 600)
    assert fitting([PLAIN, PLAIN], LIMITS, Spent(2, 400), Spent(4, 1400)) == ([PLAIN] * 2, "")


def test_a_limit_is_near_where_what_is_under_way_may_reach_it():
    most = ReportLimits()
    assert not is_near(most, Spent(most.node_reports - 1025, most.node_report_bytes // 2 - 1))
    assert is_near(most, Spent(most.node_reports - 1024, 0))
    assert is_near(most, Spent(0, most.node_report_bytes - (1 << 20)))
    assert is_near(LIMITS, NOTHING)


def test_of_a_final_report_what_fits_is_kept_and_the_rest_is_told():
    kept, remark = fitting([LONG, MANY, PLAIN, PLAIN], LIMITS, Spent(0, 300), NOTHING)
    assert kept == [ReportDetail("long"), ReportDetail("many")]
    for option in ("detail_bytes", "detail_fields", "report_bytes"):
        assert f"bootactions.{option}" in remark
    assert "2 details of it dropped" in remark


def test_a_final_report_over_the_number_keeps_none_of_its_details():
    kept, remark = fitting([PLAIN], LIMITS, Spent(3, 0), NOTHING)
    assert (kept, "bootactions.reports" in remark) == ([], True)


CONTEXT = BootContext("n1", "c1", "t1", "ref", "digest", timestamp())
INCOMPLETE = BootActionStatus.INCOMPLETE
ROW = BootAction("A", "n1", "a", "t1", "c1", INCOMPLETE, timestamp())
FEW = ReportLimits(reports=2, report_bytes=100, node_reports=3, node_report_bytes=150)


def test_a_report_is_counted_until_its_limit_and_a_final_one_beyond_it():
    once = reported(ROW, None, "now", Share(40, FEW))
    assert (once.status, once.reports, once.report_bytes) == (INCOMPLETE, 1, 40)
    with pytest.raises(Full) as full:
        reported(once, None, "now", Share(61, FEW))
    assert (full.value.of, full.value.spent) == (ACTION, Spent(1, 40))
    twice = reported(once, None, "now", Share(60, FEW))
    with pytest.raises(Full):
        reported(twice, None, "now", Share(0, FEW))
    ended = reported(twice, BootActionStatus.SUCCESS, "now", Share(0))
    assert (ended.status, ended.reports, ended.updated) == ("success", 3, "now")
    with pytest.raises(Conflict, match="not available for update"):
        reported(ended, None, "now", Share(0))


def test_the_node_is_counted_too_and_never_below_what_is_known_of_its_boot_actions():
    once = heard(CONTEXT, "c1", Spent(1, 10), Share(40, FEW))
    assert (once.reports, once.report_bytes) == (2, 50)
    once = heard(once, "c1", NOTHING, Share(40, FEW))
    assert (once.reports, once.report_bytes) == (3, 90)
    with pytest.raises(Full) as full:
        heard(once, "c1", NOTHING, Share(0, FEW))
    assert (full.value.of, full.value.spent) == (NODE, Spent(3, 90))
    assert heard(once, "c1", NOTHING, Share(0)).reports == 4
    # What is superseded takes no report: its row says so.
    assert heard(once, "c0", NOTHING, Share(0, FEW)) is once

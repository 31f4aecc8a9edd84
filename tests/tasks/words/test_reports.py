import pytest

from drydockd.errors import TooLarge, TooMany
from drydockd.model import BootAction, BootActionStatus
from drydockd.tasks.words.reports import (
    MESSAGE_BYTES,
    NOTHING,
    ReportDetail,
    Spent,
    admit,
    fitting,
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


def test_what_is_on_its_way_counts_too():
    rows = [a_row("A", 2, 20), a_row("B", 1, 10)]
    assert spent_on(rows, {}) == Spent(3, 30)
    assert spent_on(rows, {"B": Spent(4, 40), "C": Spent(9, 90)}) == Spent(7, 70)


@pytest.mark.parametrize(
    ("details", "action", "node", "error", "option"),
    [
        ([PLAIN, MANY], NOTHING, NOTHING, TooLarge, "details[1]: 3 .*bootactions.detail_fields"),
        ([LONG], NOTHING, NOTHING, TooLarge, "108 bytes .*bootactions.detail_bytes"),
        ([], Spent(3, 0), NOTHING, TooMany, "bootactions.reports"),
        ([PLAIN], Spent(0, 900), NOTHING, TooMany, "bootactions.report_bytes"),
        ([], NOTHING, Spent(5, 0), TooMany, "bootactions.node_reports"),
        ([PLAIN], NOTHING, Spent(0, 1900), TooMany, "bootactions.node_report_bytes"),
    ],
)
def test_what_is_over_a_limit_names_it_and_its_option(details, action, node, error, option):
    with pytest.raises(error, match=option.replace("[", r"\[").replace("]", r"\]")):
        admit(details, LIMITS, action, node)


def test_what_is_within_the_limits_is_taken_whole():
    admit([PLAIN, PLAIN], LIMITS, Spent(2, 400), Spent(4, 1400))
    assert fitting([PLAIN, PLAIN], LIMITS, Spent(2, 400), Spent(4, 1400)) == ([PLAIN] * 2, "")


def test_of_a_final_report_what_fits_is_kept_and_the_rest_is_told():
    kept, remark = fitting([LONG, MANY, PLAIN, PLAIN], LIMITS, Spent(0, 300), NOTHING)
    assert kept == [ReportDetail("long"), ReportDetail("many")]
    for option in ("detail_bytes", "detail_fields", "report_bytes"):
        assert f"bootactions.{option}" in remark
    assert "2 details of it dropped" in remark


def test_a_final_report_over_the_number_keeps_none_of_its_details():
    kept, remark = fitting([PLAIN], LIMITS, Spent(3, 0), NOTHING)
    assert (kept, "bootactions.reports" in remark) == ([], True)

import pytest
from pydantic import ValidationError

from drydockd.api.bootaction import BootActionReport, BootActionRow, BootActionState
from tests.api.examples import BOOT_ACTION, BOOT_ACTION_ROW


def test_a_report_as_the_original_sends_it():
    said = {"status": "success", "details": [{"message": "m", "error": False}]}
    report = BootActionReport.model_validate(said)
    assert (report.status, report.details[0].extra) == ("success", {})


def test_nothing_needs_to_be_said():
    assert BootActionReport.model_validate({}).details == []


def test_a_detail_keeps_its_further_keys_but_no_reserved_one():
    detail = {"message": "m", "error": False}
    kept = BootActionReport.model_validate({"details": [detail | {"percent": 50}]})
    assert kept.details[0].extra == {"percent": 50}
    for name in ("ts", "context", "context_type"):
        with pytest.raises(ValidationError, match=f"{name} is a reserved name"):
            BootActionReport.model_validate({"details": [detail | {name: 1}]})


def test_only_the_first_of_many_mistakes_is_looked_for():
    with pytest.raises(ValidationError) as error:
        BootActionReport.model_validate({"details": [{}] * 10_000})
    assert len(error.value.errors()) < 10


def test_the_state_after_a_report():
    assert BootActionState.model_validate(BOOT_ACTION).action_status == "success"


def test_a_row_of_the_list_is_read():
    assert BootActionRow.model_validate(BOOT_ACTION_ROW) == BOOT_ACTION_ROW

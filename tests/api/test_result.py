from drydockd.api.result import Result, SubtaskResult
from tests.api.examples import CHILD_ID, RESULT


def test_a_result_is_read_with_types():
    result = Result.model_validate(RESULT)
    assert (result.details.error_count, result.links[0].rel) == (1, "detail_logs")
    assert result.as_dict() == RESULT


def test_a_subtasks_result_names_it():
    assert SubtaskResult.model_validate(RESULT | {"task_id": CHILD_ID}).task_id == CHILD_ID

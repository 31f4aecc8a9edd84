from drydockd.api.error import Error
from tests.api.examples import ERROR


def test_an_error_with_and_without_a_title():
    assert Error.model_validate(ERROR).title is None
    titled = ERROR | {"title": "409 Conflict", "description": "d"}
    assert Error.model_validate(titled).as_dict() == titled

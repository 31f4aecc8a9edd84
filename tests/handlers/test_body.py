import pytest

from drydockd.api.bootaction import BootActionReport
from drydockd.api.task import TaskRequest
from drydockd.errors import InvalidInput
from drydockd.handlers import body

JSON = "application/json"


@pytest.mark.parametrize(
    "content_type",
    [
        JSON,
        "Application/JSON",
        "application/json; charset=utf-8",
        'application/json;charset="UTF-8"',
    ],
)
def test_json_is_taken_with_parameters_in_any_case(content_type):
    assert body.json_object(b'{"a": 1}', content_type, 8) == {"a": 1}


@pytest.mark.parametrize(
    "content_type",
    [
        "",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/xml",
        "application/json; charset=latin-1",
    ],
)
def test_other_types_are_refused(content_type):
    with pytest.raises(InvalidInput):
        body.json_object(b"{}", content_type, 8)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "no body"),
        (b"  \n", "no body"),
        (b"{", "Invalid JSON"),
        (b"{'a': 1}", "Invalid JSON"),
        (b'{"a": NaN}', "Invalid JSON"),
        (b'{"a": "\xff"}', "Invalid JSON"),
        (b"[]", "must be a JSON object"),
        (b"5", "must be a JSON object"),
        (b"null", "must be a JSON object"),
        (b'"x"', "must be a JSON object"),
    ],
)
def test_what_is_no_json_object_is_refused(text, problem):
    with pytest.raises(InvalidInput, match=problem):
        body.json_object(text, JSON, 8)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def test_nesting_up_to_the_limit_is_taken():
    assert body.parse(nested(8), 8)
    assert body.parse(b'{"a": [' + b"{}," * 20 + b"{}]}", 3)


@pytest.mark.parametrize("text", [nested(9), b"[" * 500 + b"]" * 500, b"[" * 5000 + b"]" * 5000])
def test_deeper_nesting_is_refused(text):
    with pytest.raises(InvalidInput):
        body.parse(text, 8)


@pytest.mark.parametrize("text", ["true", "True", "TRUE", "t", "yes", "y", "1", "on", ""])
def test_truths_of_a_query(text):
    assert body.boolean("x", text) is True


@pytest.mark.parametrize("text", ["false", "False", "FALSE", "f", "no", "n", "0", "off"])
def test_untruths_of_a_query(text):
    assert body.boolean("x", text) is False


@pytest.mark.parametrize("text", ["maybe", "2", "tru", "None"])
def test_what_is_neither_is_refused(text):
    with pytest.raises(InvalidInput, match="x: true or false"):
        body.boolean("x", text)


@pytest.mark.parametrize("text", ["", "a", "1.5", "1e3", "0x10", "9" * 30, "-1", "11", "١"])
def test_numbers_outside_of_the_range_or_no_numbers_are_refused(text):
    with pytest.raises(InvalidInput, match="n: "):
        body.integer("n", text, 0, 10)


def test_a_number_in_the_range_is_taken():
    assert body.integer("n", "10", 0, 10) == 10


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"details": 5}, "details: a list is required"),
        ({"details": ["x"]}, "details[0]: an object is required"),
        ({"details": [{"message": "m"}]}, "details[0].error: is required"),
        ({"details": [{"message": "m", "error": 0}]}, "details[0].error: true or false is req"),
        ({"details": [{"message": "m", "error": False, "ts": 1}]}, "details[0]: ts is a reserved"),
        ({"detials": []}, "'detials': unknown key, did you mean details? (known: status, details)"),
    ],
)
def test_a_refusal_says_where_and_what_is_required(given, told):
    with pytest.raises(InvalidInput) as error:
        body.parsed(BootActionReport, given)
    assert str(error.value).startswith(told)


def test_an_unknown_key_is_told_before_what_its_absence_caused():
    with pytest.raises(InvalidInput, match="did you mean action"):
        body.parsed(TaskRequest, {"aktion": "deploy_nodes"})


def test_a_route_without_keys_says_so():
    with pytest.raises(InvalidInput, match=r"'x': unknown key \(this route takes none\)"):
        body.check_keys(["x"], ())

"""Query parameters know what their values say."""

from enum import StrEnum

import pytest

from drydockd.errors import InvalidInput
from drydockd.handlers import all_routes, parameters
from drydockd.handlers.parameters import Parameter


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


def test_a_parameter_is_its_name():
    assert parameters.flag("wide", "how") in {"wide": 1}


@pytest.mark.parametrize(
    ("parameter", "given", "meant"),
    [
        (parameters.flag("wide", ""), "", True),
        (parameters.flag("wide", ""), "no", False),
        (parameters.number("many", "", 1, 9), "9", 9),
        (parameters.word("colour", "", Colour), "blue", Colour.BLUE),
        (parameters.text("name", ""), " a ", " a "),
    ],
)
def test_a_value_is_what_it_says(parameter, given, meant):
    assert parameter.read(given) == meant


@pytest.mark.parametrize(
    ("parameter", "given", "message"),
    [
        (parameters.flag("wide", ""), "perhaps", "wide: true or false is required"),
        (parameters.number("many", "", 1, 9), "10", "many: 1 to 9 is allowed, not 10"),
        (parameters.number("many", "", 1, 9), "x", "many: an integer is required"),
        (parameters.word("colour", "", Colour), "pink", "colour: one of red, blue, not 'pink'"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_name(parameter, given, message):
    with pytest.raises(InvalidInput, match=message):
        parameter.read(given)


def test_a_schema_says_what_is_taken():
    assert parameters.number("many", "", 1, 9).schema == {
        "type": "integer",
        "minimum": 1,
        "maximum": 9,
    }
    assert parameters.word("colour", "", Colour).schema["enum"] == ["red", "blue"]


def test_every_parameter_of_the_api_says_what_it_is_for():
    silent = [
        f"{route.handler.__name__}: {method} {parameter}"
        for route in all_routes(1, 1).all
        for method, found in route.handler.parameters.items()
        for parameter in found
        if not (isinstance(parameter, Parameter) and parameter.about)
    ]
    assert not silent, "make it one of drydockd/handlers/parameters.py"

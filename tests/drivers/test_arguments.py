"""Classes of strangers that state no options."""

import pytest

from drydockd.drivers.arguments import call
from drydockd.errors import InvalidConfig, InvalidInput


class Rack:
    def __init__(self, *, site: str, seconds: float = 3, names: tuple[str, ...] = ()) -> None:
        if seconds > 100:
            raise InvalidInput("seconds: nobody waits that long")
        self.given = (site, seconds, names)


def test_keyword_arguments_are_the_options_and_are_converted():
    assert call(Rack, {"site": "a", "seconds": "7", "names": ["b"]}, "x").given == ("a", 7, ("b",))


def test_every_problem_is_named_at_once():
    with pytest.raises(InvalidConfig) as caught:
        call(Rack, {"second": 1, "names": 5}, "node driver rack")
    text = str(caught.value)
    assert text.startswith("node driver rack: ")
    assert "no option second, did you mean seconds? (options: site, seconds, names)" in text
    assert "option site is missing" in text
    assert "option names: " in text


def test_what_the_class_itself_refuses_is_a_mistake_of_the_configuration():
    with pytest.raises(InvalidConfig, match="node driver rack: seconds: nobody waits"):
        call(Rack, {"site": "a", "seconds": 101}, "node driver rack")


def test_a_class_that_takes_anything_gets_everything():
    def anything(**options):
        return options

    assert call(anything, {"a": 1}, "x") == {"a": 1}

"""What a driver states of itself, and how it is built from it."""

import pytest
from pydantic import SecretStr, model_validator

from drydockd.drivers.options import Library, Offer, Options, Program, opt
from drydockd.errors import InvalidConfig, InvalidInput


class RackOptions(Options):
    address: str = opt(..., "Where it is")
    key: SecretStr | None = opt(None, "Its key")
    first: int = opt(1, "Seconds of the first pause", ge=1, le=9)
    last: int = opt(5, "Seconds of the last pause", ge=1, le=9)

    @model_validator(mode="after")
    def _ordered(self):
        if self.first > self.last:
            raise ValueError("first is above last")
        return self


class Rack:
    def __init__(self, options: RackOptions) -> None:
        if options.address == "nowhere":
            raise InvalidInput("address: nowhere is no place")
        self.options = options


def offer(*needs):
    return Offer(Rack, RackOptions, "rack_driver", "racks", needs)


def refusal(offer, **given):
    with pytest.raises(InvalidConfig) as caught:
        offer.build(given, "node driver rack", "rack_driver.")
    return str(caught.value)


def test_the_class_gets_its_options_checked_and_with_defaults():
    options = offer().build({"address": "a", "first": "2"}, "x").options
    assert (options.address, options.first, options.last) == ("a", 2, 5)


def test_every_problem_is_named_by_section_and_option():
    assert refusal(offer(), first=0, lst=3) == (
        "node driver rack: rack_driver.address is missing; "
        "rack_driver.first: input should be greater than or equal to 1; "
        "rack_driver.lst: no such option"
    )


def test_rules_over_several_options_are_the_drivers_own():
    assert refusal(offer(), address="a", first=6) == "node driver rack: first is above last"
    assert refusal(offer(), address="nowhere") == "node driver rack: address: nowhere is no place"


def test_a_wrong_secret_is_not_shown():
    assert "hunter2" not in refusal(offer(), address="a", key=["hunter2"])


def test_what_is_not_installed_is_named_with_what_installs_it():
    text = refusal(
        offer(
            Program("sh", "dash"),
            Program("no-such-program", "its-package"),
            Library("json", "json"),
            Library("no_such_library", "drydockd[rack]"),
        ),
        address="a",
    )
    assert text == (
        "node driver rack: needs the program no-such-program (apt-get install its-package); "
        "needs no_such_library (pip install 'drydockd[rack]')"
    )


def test_programs_of_administrators_are_found_too(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert Program("ldconfig", "libc-bin").is_there()

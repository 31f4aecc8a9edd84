"""Types of options that more than one section uses."""

import pytest
from pydantic import ValidationError

from drydockd.config.fields import Listen, Numbers, Section, Words, opt
from drydockd.config.options import Api


class Given(Section):
    words: Words = opt((), "Words")
    numbers: Numbers = opt((), "Numbers")
    listen: Listen = opt("localhost:0", "An address")


@pytest.mark.parametrize("listen", ["127.0.0.1:9000", "[::1]:0", "localhost:1", ":9000"])
def test_addresses_are_host_and_port(listen):
    assert Api(listen=listen).listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1", "::1:9000", "a:x", "a:70000", "a:"])
def test_other_addresses_are_refused(listen):
    with pytest.raises(ValidationError):
        Api(listen=listen)


@pytest.mark.parametrize("given", ["a, b", ("a", "b"), ["a", "b"]])
def test_a_comma_list_is_a_list(given):
    assert Given(words=given).words == ("a", "b")


def test_one_word_is_a_list_of_one_and_an_empty_one_of_none():
    assert (Given(words="a").words, Given(words="").words) == (("a",), ())
    assert Given(numbers="17,3").numbers == (17, 3)


def test_an_unknown_option_is_a_mistake():
    with pytest.raises(ValidationError, match="not permitted"):
        Given(word="a")

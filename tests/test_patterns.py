"""Callers' expressions: the usual ones work, those that cost more than their length do not."""

import pytest

from drydockd.errors import InvalidInput
from drydockd.patterns import MOST_CHARS, matcher


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"0000:(19|01):00\.0", "0000:19:00.0", True),
        (r"0000:(19|01):00\.0", "0000:20:00.0", False),
        ("0000:01", "0000:01:00.0", True),
        ("01", "0000:01:00.0", False),
        (r"0000:[0-9a-f]{2}:00\.\d$", "0000:af:00.1", True),
        (r"(?i)0000:AF", "0000:af:00.1", True),
        ("", "anything", True),
    ],
)
def test_a_text_matches_from_its_start(pattern, text, matches):
    assert matcher(pattern)(text) is matches


@pytest.mark.parametrize("pattern", [".*" * 100 + "x", "(a+)+b", "(a|a)*b", "(.*)*x"])
def test_what_takes_other_engines_for_ever_is_over_at_once(pattern):
    assert not matcher(pattern)("a" * 10_000)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(?=a)b", "(?="),
        (r"(a)\1", r"\1"),
        ("(", "missing )"),
        ("((a{100}){100}){100}", "repetition"),
        (r"\pL{1000}", "too large"),
        ("\ud800", "surrogate"),
        ("a" * (MOST_CHARS + 1), "257 characters, more than 256"),
    ],
)
def test_what_cannot_be_linear_or_is_too_large_is_refused_with_the_reason(pattern, words):
    with pytest.raises(InvalidInput) as refused:
        matcher(pattern)
    assert words in str(refused.value)

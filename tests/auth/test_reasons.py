"""Words for who sent a refused token."""

import base64
import time

import pytest

from drydockd.auth.reasons import expiry_reason, quoted, span, unverified_claims


def a_jwt(text: str) -> str:
    return f"e30.{base64.urlsafe_b64encode(text.encode()).decode().rstrip('=')}.x"


def test_claims_are_read_without_a_key():
    assert unverified_claims(a_jwt('{"iss":"x"}')) == {"iss": "x"}


@pytest.mark.parametrize("token", ["", "a", "a.b", "a.!!.c", a_jwt("[1]"), a_jwt("[" * 5000)])
def test_what_cannot_be_read_has_no_claims(token):
    assert unverified_claims(token) is None


def test_an_end_that_is_past_is_said_and_no_other():
    assert expiry_reason(time.time() - 190) == "the token expired 3 min ago"
    assert expiry_reason(time.time() + 10) is None
    assert expiry_reason(time.time() - 5, leeway_seconds=10) is None
    for nonsense in ("soon", None, True, []):
        assert expiry_reason(nonsense) is None


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7200, "2 h"), (172800, "2 d")],
)
def test_times_are_said_as_one_speaks(seconds, said):
    assert span(seconds) == said


def test_a_long_claim_is_shortened_and_stays_on_one_line():
    assert quoted("a\nb") == '"a\\nb"'
    assert len(quoted("x" * 5000)) < 110

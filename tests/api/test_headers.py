"""Free text in headers: there and back, and never a control."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.api.headers import clean, decoded, encoded, is_plain, quoted


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("joe", "joe"),
        ("Joe Bloggs <joe@example.org>", "Joe Bloggs <joe@example.org>"),
        ("Jörg", "J%C3%B6rg"),
        ("100%", "100%25"),
        ("李", "%E6%9D%8E"),
        ("a\r\nX-Roles: admin", "a  X-Roles: admin"),
        ("a\ud800b", "a b"),
    ],
)
def test_a_name_becomes_a_value_of_ascii(text, value):
    assert encoded(text) == value
    assert is_plain(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("J%C3%B6rg", "Jörg"),
        ("Jörg".encode().decode("latin-1"), "Jörg"),  # raw UTF-8, as servers hand it on
        ("Jörg", "Jörg"),  # raw ISO 8859-1
        ("100%", "100%"),
        ("%zz %C3", "%zz %C3"),
        ("50%25", "50%"),
        ("a%0D%0Ab", "a  b"),
        ("a%C2%85b%00", "a b"),
    ],
)
def test_what_comes_in_is_understood_however_it_was_sent(value, text):
    assert decoded(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_on_one_line(text):
    value = encoded(text)
    assert is_plain(value)
    assert decoded(value) == clean(text)
    assert clean(text).isprintable()


@given(st.binary(max_size=60))
def test_any_bytes_become_text_without_controls(data):
    assert decoded(data.decode("latin-1")).isprintable()


def test_a_uri_in_a_quoted_string_stays_one():
    assert quoted("https://kéy:5000/v3?a=%20") == "https://k%C3%A9y:5000/v3?a=%20"
    assert quoted('x" evil="') == "x%22%20evil=%22"

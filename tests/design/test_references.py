"""References are taken apart, and shown without their passwords."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design.references import parse, redacted
from drydockd.errors import InvalidDesign


def test_a_file_reference_is_its_decoded_path():
    reference = parse("file://host/a%20b/c%3f.yaml?query#fragment")
    assert (reference.scheme, reference.path) == ("file", "/a b/c?.yaml")


@pytest.mark.parametrize(
    ("text", "url", "host", "port", "service"),
    [
        ("http://H.example/x", "http://h.example/x", "h.example", 80, False),
        ("https://h:8443/x?a=b#f", "https://h:8443/x?a=b", "h", 8443, False),
        ("deckhand+http://h/x", "http://h/x", "h", 80, True),
        ("deckhand+https://h/x", "https://h/x", "h", 443, True),
        ("promenade+http://h/x", "http://h/x", "h", 80, True),
        ("promenade+https://h/x", "https://h/x", "h", 443, True),
        ("HTTP://h/x", "http://h/x", "h", 80, False),
        ("http://[fd00::1]:81/x", "http://[fd00::1]:81/x", "fd00::1", 81, False),
    ],
)
def test_an_http_reference_is_a_url_and_its_host(text, url, host, port, service):
    reference = parse(text)
    assert (reference.url, reference.host, reference.port) == (url, host, port)
    assert reference.service is service


def test_user_and_password_are_decoded_and_not_part_of_the_url():
    reference = parse("http://us%40er:p%40ss%3a@h/x")
    assert reference.basic == ("us@er", "p@ss:")
    assert reference.url == "http://h/x"


@pytest.mark.parametrize("text", ["http://user@h/", "http://:pass@h/", "http://user:@h/"])
def test_basic_authentication_needs_both_parts(text):
    assert parse(text).basic is None


def test_services_get_no_basic_authentication():
    assert parse("deckhand+http://user:pass@h/").basic is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "/a/b", "ftp://h/x", "file:", "file://host", "file:relative", "file:///a%00b",
     "file:///%ff", "http://", "http:///x", "http://[::1/x", "http://h:port/x", "http://h:99999/",
     "http://h/\r\nX: y", "deckhand://h/", "+http://h/", "a+http://h/", "deckhand+file:///x",
     "javascript:x", "http//h", "http://u:secret@h:port/x", "http://u:sec/ret@h/x",
     "http://u:secret@[::1/x"],
)  # fmt: skip
def test_anything_else_is_refused_without_telling_the_password(text):
    with pytest.raises(InvalidDesign) as caught:
        parse(text)
    assert "secret" not in str(caught.value)
    assert "sec/ret" not in str(caught.value)


@given(st.text(alphabet="ab:/@%#?[]", max_size=8))
def test_no_password_is_ever_shown(password):
    text = f"http://user:SECRET{password}SECRET@host/path"
    assert "SECRET" not in redacted(text)
    try:
        told = repr(parse(text))
    except InvalidDesign as error:
        told = str(error)
    assert "SECRET" not in told


def test_long_and_unprintable_references_are_shown_short_and_printable():
    assert len(redacted("http://h/" + "x" * 1000)) == 300
    assert redacted("http://h/\n") == "http://h/\\x0a"

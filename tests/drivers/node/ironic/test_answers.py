"""Ironic's words, without what nobody should read in them."""

import pytest

from drydockd.drivers.node.ironic.answers import LONGEST_WORDS, plain, words_of


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            b'{"error_message": "{\\"faultstring\\": \\"Node n1 is not there\\"}"}',
            "Node n1 is not there",
        ),
        (b'{"error_message": {"faultstring": "as an object"}}', "as an object"),
        (
            b'{"error_message": "{\\"title\\": \\"T\\", \\"description\\": \\"D\\"}"}',
            "D",
        ),
        (b'{"error_message": "no JSON inside"}', '{"error_message": "no JSON inside"}'),
        (b"<html>\n<b>Bad Gateway</b>", "<html> <b>Bad Gateway</b>"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
        (b"[1]", "[1]"),
    ],
)
def test_what_a_refusal_says_is_found(content, words):
    assert words_of(content) == words


def test_credentials_in_urls_are_left_out():
    text = "cannot fetch http://joe:s3cret@images/x.img or https://t0ken@images/y"
    assert plain(text) == "cannot fetch http://images/x.img or https://images/y"


def test_a_text_is_one_line_of_bounded_length():
    assert plain("a\nb\t c") == "a b c"
    assert len(plain("x" * 10_000)) == LONGEST_WORDS + 3
    assert plain(None) == ""

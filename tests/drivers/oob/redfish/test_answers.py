"""What is read of a BMC's answer, whatever it looks like."""

import pytest

from drydockd.drivers.oob.redfish.answers import (
    LONGEST_TEXT,
    MOST_NOTES,
    Answer,
    Mask,
    Note,
    links,
    notes_of,
    parse,
    path_of,
)

NOTE = {"MessageId": "IDRAC.2.4.PSU501", "Message": "Already on.", "MessageArgs": [1]}
FOUND = Note("PSU501", "Already on", ("1",))


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"@Message.ExtendedInfo": [NOTE]}},
        {"error": {"@Message.ExtendedInfo": NOTE}},
        {"@Message.ExtendedInfo": [NOTE]},
        {"@Message.ExtendedInfo": ["x", None, NOTE]},
    ],
)
def test_messages_are_found_wherever_bmcs_put_them(body):
    assert notes_of(body, Mask()) == (FOUND,)


def test_the_code_of_the_error_is_a_message_too():
    body = {"error": {"code": "Base.1.8.GeneralError", "message": "No."}}
    assert notes_of(body, Mask()) == (Note("GeneralError", "No"),)


@pytest.mark.parametrize("body", [{}, {"error": "no"}, {"error": {"code": 7}}, {"error": []}])
def test_an_answer_without_messages_has_none(body):
    assert notes_of(body, Mask()) == ()


def test_the_message_that_says_most_is_shown():
    notes = (Note("GeneralError", "An error"), FOUND)
    assert str(Answer(400, {}, notes=notes)) == "HTTP 400 PSU501 (Already on)"
    assert str(Answer(400, {}, notes=notes[:1])) == "HTTP 400 GeneralError (An error)"
    assert str(Answer(400, {})) == "HTTP 400"


def test_long_and_strange_texts_are_cut_and_cleaned():
    body = {
        "@Message.ExtendedInfo": [{"MessageId": "a.b\x1b[31m", "Message": "x\n\x1b" * 500}] * 99
    }
    notes = notes_of(body, Mask())
    assert len(notes) == MOST_NOTES
    assert len(notes[0].text) == LONGEST_TEXT + 3
    assert "\x1b" not in notes[0].text + notes[0].id


def test_a_login_that_is_repeated_is_masked():
    mask = Mask("admin", "s3cret")
    mask.add("token")
    assert mask("admin/s3cret, Administrator, xs3crety token") == (
        "****/****, Administrator, x****y ****"
    )


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"\xff", b"null", b"<html>"])
def test_a_body_that_is_no_object_is_empty(raw):
    assert parse(raw) == ({}, False)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("/redfish/v1/Systems/1", "/redfish/v1/Systems/1"),
        ("https://elsewhere/redfish/v1?a=b", "/redfish/v1?a=b"),
        ("//elsewhere/x", "/x"),
        ("Systems/1", None),
        ("/a b", None),
        ("/a\r\nX-Evil: 1", None),
        ("https://[", None),
        ("", None),
        (None, None),
    ],
)
def test_only_the_path_of_a_link_counts(url, path):
    assert path_of(url) == path


def test_links_that_are_none_are_left_out():
    assert links([{"@odata.id": "/a"}, {"x": 1}, "/b", None, {"@odata.id": 7}]) == ("/a",)
    assert links({"@odata.id": "/a"}) == ()

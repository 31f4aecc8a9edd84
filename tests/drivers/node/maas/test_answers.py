"""What answers mean; the rest of it in the client's tests."""

import httpx
import pytest

from drydockd.drivers.node.maas import answers
from drydockd.errors import DriverPersistent, DriverTransient, DriverUnsupported


def said(status, body=b"", **headers):
    return answers.error(httpx.Response(status, content=body, headers=headers), "GET machines/")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (301, DriverPersistent),
        (400, answers.Refused),
        (401, DriverPersistent),
        (403, DriverPersistent),
        (404, answers.Missing),
        (405, DriverPersistent),
        (409, answers.Taken),
        (429, DriverTransient),
        (500, DriverTransient),
        (503, DriverTransient),
        (507, DriverTransient),
    ],
)
def test_a_status_says_whether_to_try_again(status, kind):
    assert type(said(status)) is kind
    assert str(status) in str(said(status))


def test_the_500_about_a_key_is_for_ever():
    assert type(said(500, b"Invalid character in key name")) is DriverUnsupported


def test_a_refusal_keeps_all_its_fields():
    error = said(400, b'{"hostname": ["bad", "long"], "domain": "none"}')
    assert error.fields == {"hostname": ("bad", "long"), "domain": ("none",)}
    assert str(error).endswith("hostname: bad long; domain: none")


def test_a_refusal_in_words_is_told_too():
    error = said(400, b"Unrecognised signature: method=POST op=nosuch")
    assert "Unrecognised signature" in str(error)
    assert error.is_about("unrecognised", "nosuch")


def test_a_word_is_an_answer_and_a_page_none():
    text = httpx.Response(200, content=b"OK", headers={"content-type": "text/plain"})
    assert answers.document(text, "POST x") == "OK"
    page = httpx.Response(200, content=b"<html>", headers={"content-type": "text/html"})
    with pytest.raises(DriverPersistent, match="maas_api_url"):
        answers.document(page, "GET x")
    assert answers.document(httpx.Response(204), "DELETE x") is None

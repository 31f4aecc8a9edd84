import httpx
import pytest

from drydockd.api.version import Version
from drydockd.client.answers import checked, parsed
from drydockd.client.errors import ClientError, ClientForbiddenError, ClientUnauthorizedError

URL = "http://drydockd/api/v1.0/tasks"


def answer(code, content=b"{}", url=URL):
    return httpx.Response(code, content=content, request=httpx.Request("GET", url))


@pytest.mark.parametrize("code", [200, 202, 304])
def test_a_good_answer_is_returned_as_it_is(code):
    assert checked(answer(code)).status_code == code


@pytest.mark.parametrize(
    ("code", "kind", "text"),
    [
        (401, ClientUnauthorizedError, "Unauthorized access to .*; is the token valid"),
        (403, ClientForbiddenError, "Forbidden access to"),
        (404, ClientError, "is not there: is that the URL of a drydockd"),
        (503, ClientError, "received 503: later"),
    ],
)
def test_a_bad_answer_is_an_error_with_its_code_and_body(code, kind, text):
    with pytest.raises(kind, match=text) as caught:
        checked(answer(code, b"later"))
    assert (caught.value.status_code, caught.value.body) == (code, "later")


def test_what_was_asked_is_not_in_the_text_of_a_page_that_is_not_there():
    with pytest.raises(ClientError) as caught:
        checked(answer(404, url=f"{URL}?token=secret"))
    assert "secret" not in str(caught.value)


def test_an_answer_is_parsed_and_what_is_none_names_the_place():
    versions = b'{"v1.0": {"path": "/api/v1.0", "status": "stable"}}'
    assert parsed(answer(200, versions), dict[str, Version])["v1.0"].status == "stable"
    with pytest.raises(ClientError, match=r"without the JSON expected \(v1\.0\.path: "):
        parsed(answer(200, b'{"v1.0": {"status": "stable"}}'), dict[str, Version])
    with pytest.raises(ClientError, match="is it a drydockd"):
        parsed(answer(200, b"<html>"), dict[str, Version])

import time
from email.utils import parsedate_to_datetime

import pytest
from tornado.httputil import HTTPHeaders

from drydockd.handlers import headers


def test_every_answer_begins_with_who_when_and_for_which_request():
    before = int(time.time())
    found = dict(headers.first("some-id"))
    moment = parsedate_to_datetime(found.pop("Date")).timestamp()

    assert before <= moment <= time.time()
    assert found == {
        "Server": "drydockd",
        "Content-Type": "application/json",
        "X-Drydock-Req": "some-id",
        "Cache-Control": "no-store",
    }


def test_a_head_is_lines_of_latin_1_and_a_blank_one():
    some = HTTPHeaders({"Content-Type": "application/json", "X-Name": "Jos\xe9"})
    some.add("Set-Cookie", "a=1")
    some.add("Set-Cookie", "b=2")
    assert headers.head(201, "Created", some) == (
        b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Name: Jos\xe9\r\n"
        b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
    )


@pytest.mark.parametrize("value", ["a\nB: c", "a\r", "a\r\nB: c"])
def test_no_header_of_an_answer_brings_another_one(value):
    with pytest.raises(ValueError, match="line end"):
        headers.head(200, "OK", Smuggled(value))


class Smuggled:
    """Headers that let through what Tornado's own refuse."""

    def __init__(self, value):
        self.value = value

    def get_all(self):
        return [("A", self.value)]


async def test_an_answer_has_each_of_them_once(drydock):
    answer = await drydock.get("/api/v1.0/tasks")
    for name in ("Server", "Content-Type", "Date", "X-Drydock-Req", "Cache-Control"):
        assert len(answer.headers.get_list(name)) == 1, name
    assert answer.headers["Server"] == "drydockd"

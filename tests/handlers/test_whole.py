"""The short way of an answer is no other answer."""

import pytest
from tornado.http1connection import HTTP1Connection

from bench.attacks.connections import answered, get
from tests.handlers.helpers import REF, V1
from tests.handlers.test_streams import place


def parted(answer):
    """Return status line, headers without those of the moment, and body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *rest = head.decode().split("\r\n")
    headers = dict(one.split(": ", 1) for one in rest)
    for name in ("Date", "X-Drydock-Req", "Location"):
        headers.pop(name, None)
    return line, headers, body


@pytest.fixture
def long_way(monkeypatch):
    """Count the answers whose head Tornado writes."""
    taken, write = [], HTTP1Connection.write_headers

    def write_headers(self, *args):
        taken.append(self)
        return write(self, *args)

    monkeypatch.setattr(HTTP1Connection, "write_headers", write_headers)
    return taken


async def test_a_whole_answer_goes_the_short_way_and_is_the_same(drydock, long_way):
    # What follows it says that the connection ends, which is told in the head: the long way.
    asked = get("/versions") + get("/versions", last=True)
    answer = await answered(place(drydock), asked)
    first, second = answer[: answer.rindex(b"HTTP/1.1")], answer[answer.rindex(b"HTTP/1.1") :]
    line, headers, body = parted(first)
    assert len(long_way) == 1
    assert (line, {**headers, "Connection": "close"}, body) == parted(second)
    assert headers["Content-Length"] == str(len(body))


async def test_a_created_task_goes_the_short_way(drydock, long_way):
    body = {"action": "validate_design", "design_ref": REF}
    answer = await drydock.post(f"{V1}/tasks", body)
    assert answer.status_code == 201
    assert answer.headers["Location"].endswith(answer.json()["task_id"])
    assert long_way == []


async def test_answers_that_are_special_go_the_long_way(drydock, long_way):
    head = await drydock.http.head("/versions")
    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["Content-Length"]) > 0
    old = await answered(place(drydock), b"GET /versions HTTP/1.0\r\nHost: x\r\n\r\n")
    assert old.endswith(b"}}")
    none = await drydock.http.get(f"{V1}/health")
    assert none.status_code == 204
    assert len(long_way) == 3

"""The agent's requests against a real server that refuses, breaks off, redirects."""

import json
import os
import socket
import time

import pytest

from drydockd.agent.install.talk import Dismissed, NotTaken, OutOfTime, Refused
from tests.agent.install.rig import Answer, a_server, serving

SIZE = 3_000_000
CONTENT = os.urandom(SIZE)


def taken(server, size=SIZE):
    got = bytearray()
    server.download("/image", got.extend, size)
    return bytes(got)


def begin_of(handler):
    return int((handler.headers.get("Range") or "bytes=0-")[6:-1])


def part(begin, end=None, promised=None):
    headers = {"Content-Range": f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"}
    return Answer(206 if begin else 200, CONTENT[begin:end], promised, headers if begin else {})


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_server_that_cannot_now_is_asked_again(status):
    said, pauses = [], []
    with serving([Answer(status, b'{"message": "busy"}')] * 3 + [Answer(200, b'{"a": 1}')]) as s:
        assert a_server(s.url, said=said, pause=pauses.append).post("/x", {}) == {"a": 1}
    assert pauses == [1, 2, 3]
    assert said[0] == f"/x: {status}: busy; again in 1 s"


def test_nobody_at_the_port_is_asked_again_until_the_time_is_up():
    with socket.socket() as port:
        port.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{port.getsockname()[1]}"
    pauses = []
    server = a_server(url, seconds=4.5, pause=pauses.append)
    with pytest.raises(OutOfTime, match="/x: no answer"):
        server.get("/x")
    assert pauses[:4] == [1, 2, 3, 4]


def test_pauses_grow_to_five_seconds():
    pauses = []
    with serving([Answer(503)] * 7 + [Answer()]) as s:
        a_server(s.url, pause=pauses.append).get("/x")
    assert pauses == [1, 2, 3, 4, 5, 5, 5]


@pytest.mark.parametrize("status", [401, 403, 409])
def test_who_is_not_wanted_stops_at_once(status):
    with serving([Answer(status, b'{"message": "superseded"}')]) as s:
        with pytest.raises(Dismissed, match=f"{status}: superseded"):
            a_server(s.url).get("/x")
        assert len(s.asked) == 1


@pytest.mark.parametrize("status", [400, 404, 410, 413, 416])
def test_another_refusal_is_no_dismissal_and_not_repeated(status):
    with serving([Answer(status, b"<html>")]) as s:
        with pytest.raises(Refused, match=f"/x: {status}: "):
            a_server(s.url).get("/x")
        assert len(s.asked) == 1


def test_a_redirection_is_not_followed_it_would_carry_the_token():
    with serving([Answer()]) as other, serving([Answer(302, headers={"Location": other.url})]) as s:
        server = a_server(s.url)
        server.token = "t" * 32
        with pytest.raises(Refused, match="302"):
            server.get("/x")
        assert other.asked == []


@pytest.mark.parametrize("answer", [Answer(body=b'{"a": ', promised=40), Answer(body=b"<html>")])
def test_an_answer_that_is_cut_or_another_ones_is_asked_for_again(answer):
    with serving([answer, Answer(body=b'{"a": 2}')]) as s:
        assert a_server(s.url).get("/x") == {"a": 2}


def test_the_token_goes_along_and_is_never_said():
    said = []
    with serving([Answer(503), Answer(401)]) as s:
        server = a_server(s.url, said=said)
        server.token = "t0ken" * 8
        with pytest.raises(Dismissed) as told:
            server.post("/x", {"name": "ü"})
    assert s.asked[0][2]["Authorization"] == "Bearer " + "t0ken" * 8
    assert json.loads(s.asked[0][3]) == {"name": "ü"}
    assert "t0ken" not in "".join(said) + str(told.value)


def test_a_length_is_told_without_the_bytes():
    with serving([Answer(503), Answer(headers={"Content-Length": "7000000000"})]) as s:
        assert a_server(s.url).size_of("/image") == 7_000_000_000
    assert [asked[:2] for asked in s.asked] == [("HEAD", "/image")] * 2


def test_what_is_not_there_is_refused_when_it_is_asked_for_its_length():
    with serving([Answer(404, b"")]) as s, pytest.raises(Refused, match="/image: 404"):
        a_server(s.url).size_of("/image")


def test_a_download_goes_on_at_the_byte_it_had_reached():
    def answer(handler):
        begin = begin_of(handler)
        return part(begin, begin + 1_100_000, len(CONTENT) - begin)

    with serving(answer) as s:
        assert taken(a_server(s.url)) == CONTENT
    assert [ask[2].get("Range") for ask in s.asked] == [None, "bytes=1100000-", "bytes=2200000-"]


def test_a_server_that_does_not_resume_sends_all_again_and_what_is_there_is_passed_over():
    answers = [Answer(body=CONTENT[:2_500_000], promised=len(CONTENT)), Answer(body=CONTENT)]
    with serving(answers) as s:
        assert taken(a_server(s.url)) == CONTENT


def test_a_part_that_begins_elsewhere_is_not_taken():
    wrong = Answer(206, CONTENT[5:], headers={"Content-Range": f"bytes 5-9/{len(CONTENT)}"})
    said = []
    with serving([part(0, 1000, len(CONTENT)), wrong, part(1000)]) as s:
        assert taken(a_server(s.url, said=said)) == CONTENT
    assert "asked from byte 1000, the answer has bytes 5-9/" in said[1]


def test_more_than_was_promised_is_left():
    with serving([Answer(body=CONTENT)]) as s:
        assert taken(a_server(s.url), 1_000_001) == CONTENT[:1_000_001]


def test_a_download_that_moves_has_its_time_anew():
    """Each part takes half of the time there is: counted from the begin it would be up."""

    def answer(handler):
        time.sleep(0.3)
        begin = begin_of(handler)
        return part(begin, begin + 600_000, len(CONTENT) - begin)

    with serving(answer) as s:
        assert taken(a_server(s.url, seconds=1.2)) == CONTENT


def test_a_full_disk_is_no_matter_of_the_network():
    def write(chunk):
        raise OSError(28, "No space left on device")

    with serving([Answer(body=CONTENT)]) as s:
        with pytest.raises(NotTaken, match="No space left"):
            a_server(s.url).download("/image", write, len(CONTENT))
        assert len(s.asked) == 1


def test_a_refusal_by_another_server_is_no_dismissal():
    """A wrong boot key must end the deployment with its reason, not power the machine off."""
    refusing = serving([Answer(403, b'{"message": "wrong key"}')])
    with refusing as s, pytest.raises(Refused, match="403: wrong key"):
        a_server("http://127.0.0.1:9").fetch(f"{s.url}/units", {"X-Bootaction-Key": "k"})
    assert s.asked[0][2]["X-Bootaction-Key"] == "k"


def test_what_another_server_sends_is_taken_whole():
    with serving([Answer(503), Answer(body=b"abc", promised=9), Answer(body=b"abcdef")]) as s:
        assert a_server("http://127.0.0.1:9").fetch(s.url, {}) == b"abcdef"

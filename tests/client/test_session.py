"""Where requests go, with what headers, and how long they may take."""

import logging
import socket
import subprocess
import sys

import pytest

from drydockd.client import ClientConnectionError, ClientError, Session
from tests.client.helpers import serving

OK = (200, {"ok": True})


@pytest.mark.parametrize(
    ("arguments", "base"),
    [
        (("h",), "http://h/api/"),
        (("h", 9000), "http://h:9000/api/"),
        (("h", "9000", "https"), "https://h:9000/api/"),
        (("::1", 9000), "http://[::1]:9000/api/"),
        (("[::1]",), "http://[::1]/api/"),
    ],
)
def test_the_base_url_is_made_of_the_parts(arguments, base):
    assert Session(*arguments).base_url == base


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("http://h:9000", "http://h:9000/api/"),
        ("http://h:9000/", "http://h:9000/api/"),
        ("http://h:9000/api/v1.0", "http://h:9000/api/"),
        ("http://h:9000/api/v1.0/", "http://h:9000/api/"),
        ("https://h/drydock/api/v1.0", "https://h/drydock/api/"),
        ("https://h/drydock", "https://h/drydock/api/"),
        ("http://[fd00::1]:9000/api", "http://[fd00::1]:9000/api/"),
    ],
)
def test_a_url_keeps_its_prefix_and_loses_the_version(url, base):
    assert Session.from_url(url).base_url == base


@pytest.mark.parametrize("url", ["h:9000", "//h", "ftp://h", "", "http://"])
def test_a_url_without_scheme_or_host_is_refused(url):
    with pytest.raises(ValueError, match="must specify a scheme and hostname"):
        Session.from_url(url)


def test_every_request_carries_token_marker_and_end_user(server):
    server.answers["GET /api/v1.0/x"] = OK
    with Session(
        "127.0.0.1", server.port, auth_gen=lambda: [("X-Auth-Token", "t")], marker="m", end_user="u"
    ) as session:
        session.get("v1.0/x", query={"a": 1, "b": None})
    (asked,) = server.asked
    assert asked.query == {"a": "1"}
    assert asked.headers["X-Auth-Token"] == "t"
    assert asked.headers["X-Context-Marker"] == "m"
    assert asked.headers["X-End-User"] == "u"


def test_nothing_given_is_nothing_sent(server):
    server.answers["POST /api/v1.0/x"] = OK
    with Session("127.0.0.1", server.port) as session:
        session.post("v1.0/x", data={"a": 1})
        session.post("v1.0/x", body="raw", data={"ignored": 1})
    first, second = server.asked
    assert not {"X-Auth-Token", "X-Context-Marker", "X-End-User"} & set(first.headers)
    assert (first.json, first.headers["Content-Type"]) == ({"a": 1}, "application/json")
    assert second.body == b"raw"


def test_a_401_renews_the_token_once_and_repeats_the_request(server):
    server.answers["POST /api/v1.0/x"] = [(401, {}), OK]
    tokens = iter(["old", "new"])
    with Session(
        "127.0.0.1", server.port, auth_gen=lambda: {"X-Auth-Token": next(tokens)}
    ) as session:
        assert session.post("v1.0/x", data={"a": 1}).status_code == 200
    assert [a.headers["X-Auth-Token"] for a in server.asked] == ["old", "new"]
    assert [a.json for a in server.asked] == [{"a": 1}] * 2


def test_a_second_401_is_returned(server):
    server.answers["GET /api/v1.0/x"] = (401, {})
    with Session("127.0.0.1", server.port, token="t") as session:
        assert session.get("v1.0/x").status_code == 401
    assert len(server.asked) == 2


def test_redirects_are_followed_but_never_with_the_token_to_another_server(server):
    server.answers["GET /api/v1.0/x"] = (307, None, {"Location": "/api/v1.0/y"})
    server.answers["GET /api/v1.0/y"] = lambda _: (
        302, None, {"Location": f"http://127.0.0.1:{other.port}/z"},
    )  # fmt: skip
    with serving() as other, Session("127.0.0.1", server.port, token="t") as session:
        other.answers["GET /z"] = OK
        assert session.get("v1.0/x").json() == {"ok": True}
    assert [a.headers.get("X-Auth-Token") for a in server.asked] == ["t", "t"]
    assert "X-Auth-Token" not in other.asked[0].headers


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (None, (20.0, 30.0)),
        (5, (20.0, 5.0)),
        ((1, 2), (1.0, 2.0)),
        ((1, 2, 3), (20.0, 30.0)),
        ("5", (20.0, 30.0)),
        (True, (20.0, 30.0)),
    ],
)
def test_a_timeout_is_a_number_or_a_pair(given, kept, caplog):
    with caplog.at_level(logging.WARNING):
        assert Session("h", timeout=given).default_timeout == kept
    assert bool(caplog.records) == (kept == (20.0, 30.0) and given is not None)


def test_no_answer_in_time_is_a_connection_error():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Session("127.0.0.1", silent.getsockname()[1]) as session,
        pytest.raises(ClientConnectionError, match="no answer in time") as error,
    ):
        session.get("v1.0/x", timeout=(5, 0.05))
    assert error.value.status_code is None


def test_nobody_listening_is_a_connection_error_without_query(server):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Session("127.0.0.1", port) as session, pytest.raises(ClientConnectionError) as error:
        session.get("v1.0/x", query={"secret": "s3cret"})
    assert "s3cret" not in str(error.value)


@pytest.mark.process
def test_the_library_imports_only_the_models_of_drydockd():
    code = (
        "import sys, drydockd.client, drydockd.client.keystone; "
        "print([m for m in sys.modules if m.startswith('drydockd.') "
        "and not m.startswith(('drydockd.client', 'drydockd.api'))])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"


def test_an_end_user_with_any_letters_arrives_encoded(server):
    server.answers["GET /api/v1.0/x"] = OK
    with Session("127.0.0.1", server.port, end_user="Jörg Müller") as session:
        session.get("v1.0/x")
    assert server.asked[0].headers["X-End-User"] == "J%C3%B6rg M%C3%BCller"


@pytest.mark.parametrize("token", ["sécret-token", "secret\ntoken", "secret\x00token"])
def test_a_token_that_no_header_may_carry_is_refused_and_not_shown(token):
    with pytest.raises(ClientError, match="X-Auth-Token") as caught:
        Session("127.0.0.1", 1, token=token)
    assert "cret" not in str(caught.value)


def test_an_event_id_that_no_header_may_carry_is_refused(server):
    with (
        Session("127.0.0.1", server.port) as session,
        pytest.raises(ClientError, match="Last-Event-ID"),
        session.stream("v1.0/x", headers={"Last-Event-ID": "1\n"}, read_timeout=1),
    ):
        pass


def test_a_stream_renews_the_token_once(server):
    tokens = iter(["old", "new"])
    server.answers["GET /api/v1.0/x"] = [(401, {}), (200, b"data: 1\n\n")]
    with (
        Session("127.0.0.1", server.port, auth_gen=lambda: {"X-Auth-Token": next(tokens)}) as mine,
        mine.stream("v1.0/x", headers={}, read_timeout=5) as response,
    ):
        assert list(response.iter_lines()) == ["data: 1", ""]
    assert [asked.headers["X-Auth-Token"] for asked in server.asked] == ["old", "new"]

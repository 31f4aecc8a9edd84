"""One request, and every way in which it can fail, said in a sentence."""

import asyncio
import email.utils
import time

import httpx
import pytest

from drydockd.drivers.kubernetes import wire
from drydockd.drivers.kubernetes.tls import context_of
from drydockd.drivers.kubernetes.wire import Question, Reply, Wire, refusal
from drydockd.errors import DriverPersistent, DriverTransient
from tests.peers.certificates import Authority
from tests.peers.keystone import free_port
from tests.peers.kubernetes import serving

PATH = "/api/v1/nodes/n1"


def a_wire(context=None, *, read_seconds=20.0):
    return Wire(
        "kubernetes", context, connect_seconds=5.0, read_seconds=read_seconds, connections=2
    )


async def asked(base, context=None, **options):
    mine = a_wire(context, **options)
    question = Question("n1", "GET", f"{base}{PATH}", "read its labels")
    try:
        return await mine.ask(question, headers={"Authorization": "Bearer s3cret"})
    finally:
        await mine.close()


def reply(status=500, body=b"{}", headers=None, secrets=()):
    return Reply(status, httpx.Headers(headers or {}), body, secrets)


async def test_any_status_is_an_answer():
    async with serving("n1") as api:
        found = await asked(api.url)
    assert found.status == 401
    assert found.text == "HTTP 401 Unauthorized: Unauthorized"


async def test_nobody_there_is_transient_and_says_who_was_asked_what():
    with pytest.raises(DriverTransient) as raised:
        await asked(url := f"http://127.0.0.1:{free_port()}")
    assert str(raised.value).startswith(f"n1: GET {url}{PATH} (to read its labels): ")
    assert "check the server and the network" in str(raised.value)


async def test_a_connection_cut_before_the_answer_is_transient():
    async with serving("n1") as api:
        api.rule("GET", PATH, cut=True)
        with pytest.raises(DriverTransient, match="disconnected"):
            await asked(api.url)


async def test_an_answer_that_does_not_come_is_given_up():
    async with serving("n1") as api:
        rule = api.rule("GET", PATH, hold=asyncio.Event())
        with pytest.raises(DriverTransient, match=r"no answer in time|no whole answer"):
            await asked(api.url, read_seconds=0.2)
        rule.hold.set()


async def test_an_endless_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(wire, "LONGEST_BYTES", 1 << 20)
    async with serving("n1") as api:
        api.rule("GET", PATH, body=b" " * (1 << 21))
        with pytest.raises(DriverPersistent, match="longer than 1 MiB"):
            await asked(api.url)


async def test_a_certificate_nobody_vouches_for_is_refused_and_the_option_named(tmp_path):
    server, _ = Authority(tmp_path).context("api", is_self_signed=True)
    async with serving("n1", tls=server) as api:
        with pytest.raises(DriverPersistent, match=r"certificate is refused.*kubernetes\.ca_file"):
            await asked(api.url, context_of(ca=tmp_path / "ca.pem"))
        assert api.asked == []


@pytest.mark.parametrize("wrong", [{"address": "127.0.0.2"}, {"days": -1}])
async def test_a_certificate_of_another_name_or_time_is_refused(tmp_path, wrong):
    authority = Authority(tmp_path)
    server, _ = authority.context("api", **wrong)
    async with serving("n1", tls=server) as api:
        with pytest.raises(DriverPersistent, match="certificate is refused"):
            await asked(api.url, context_of(ca=authority.file))


async def test_a_server_without_tls_is_told():
    async def plain(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(plain, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(DriverPersistent, match="speaks no TLS"):
            await asked(f"https://127.0.0.1:{port}", context_of())


async def test_more_calls_than_connections_wait_for_their_turn():
    async with serving("n1") as api:
        api.rule("GET", PATH, hold=(held := asyncio.Event()))
        mine = a_wire()
        question = Question("n1", "GET", f"{api.url}{PATH}", "read its labels")
        calls = [asyncio.create_task(mine.ask(question, headers={})) for _ in range(4)]
        while len(api.asked) < 2:
            await asyncio.sleep(0.01)
        assert len(api.asked) == 2
        held.set()
        assert [reply.status for reply in await asyncio.gather(*calls)] == [401] * 4
        await mine.close()


async def test_the_environment_has_no_say(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    async with serving("n1") as api:
        assert (await asked(api.url)).status == 401


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "too\\nmany  things"}', "HTTP 500 Internal Server Error: too many things"),
        (b'{"description": "of Keystone"}', "HTTP 500 Internal Server Error: of Keystone"),
        (b"<h1>gone</h1>", "HTTP 500 Internal Server Error: <h1>gone</h1>"),
        (b"", "HTTP 500 Internal Server Error"),
        (b'{"message": 5}', "HTTP 500 Internal Server Error"),
        (
            b'{"message": "the token s3cret is old"}',
            "HTTP 500 Internal Server Error: the token *** is old",
        ),
    ],
)
def test_what_a_server_says_is_one_line_without_secrets(body, said):
    assert reply(body=body, secrets=("s3cret",)).text == said


def test_a_long_text_is_cut():
    text = reply(body=b"x" * 5000).text
    assert text.endswith("...")
    assert len(text) < 500


def test_an_answer_that_is_no_object_is_no_document():
    assert reply(body=b"[]").document is None
    assert reply(body=b"no").document is None


@pytest.mark.parametrize(
    ("value", "seconds"), [("7", 7), ("999999", 3600), ("soon", None), ("", None)]
)
def test_retry_after_is_seconds(value, seconds):
    assert reply(headers={"Retry-After": value}).retry_after == seconds


def test_retry_after_may_be_a_date():
    later = email.utils.formatdate(time.time() + 1000, usegmt=True)
    assert 900 < reply(headers={"Retry-After": later}).retry_after <= 1000
    assert reply(headers={"Retry-After": email.utils.formatdate(0, usegmt=True)}).retry_after == 0


def test_busy_and_broken_servers_are_transient_and_the_rest_is_not():
    question = Question("n1", "GET", "http://x", "read its labels")
    busy = refusal(question, reply(429, headers={"Retry-After": "7"}), "do")
    assert isinstance(busy, DriverTransient)
    assert busy.retry_after == 7
    assert "asks to be left alone for 7 s" in str(busy)
    assert isinstance(refusal(question, reply(503), "do"), DriverTransient)
    refused = refusal(question, reply(422), "do this")
    assert isinstance(refused, DriverPersistent)
    assert str(refused).endswith("; do this")

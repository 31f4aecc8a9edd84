"""One POST: what is sent, where it may go, and what comes of answers of every kind."""

import asyncio
import ssl

import pytest

from drydockd.design.confinement import Hosts
from drydockd.errors import InvalidDesign
from drydockd.webhooks.sender import Sender
from drydockd.webhooks.signature import sign
from tests.daemon.test_process import self_signed
from tests.webhooks.receiver import receiving

SECRET = b"0123456789abcdef"
LOCAL = Hosts(["localhost"])
NOW = 1767571200.5


@pytest.fixture
async def a_sender():
    made = []

    def sender(url, hosts=LOCAL, **more):
        made.append(Sender(url, SECRET, hosts, **{"seconds": 20, "now": lambda: NOW} | more))
        return made[-1]

    yield sender
    for sender in made:
        await sender.close()


@pytest.fixture
def receiver():
    with receiving() as opened:
        yield opened


async def test_what_is_sent_is_a_signed_cloudevent_on_one_connection(a_sender, receiver):
    sender = a_sender(receiver.url)
    assert (await sender.send(b"{}")).status == 200
    assert (await sender.send(b"[]")).status == 200
    first, second = receiver.all
    assert first.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert first.headers["drydock-signature"] == sign(SECRET, 1767571200, b"{}")
    assert second.headers["drydock-signature"] == sign(SECRET, 1767571200, b"[]")
    assert first.headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize(
    ("hosts", "words"),
    [
        (Hosts(["other.example"]), "network.allowed_hosts"),
        (Hosts(), "loopback"),
    ],
)
async def test_only_what_designs_may_ask_is_asked(a_sender, receiver, hosts, words):
    sender = a_sender(receiver.url, hosts)
    answer = await sender.send(b"{}")
    assert (answer.status, receiver.all) == (0, [])
    assert words in answer.trouble


async def test_a_name_that_turns_into_a_metadata_service_is_not_asked(a_sender):
    async def resolve(host, port):
        return ["169.254.169.254"]

    answer = await a_sender("http://hook.example/", Hosts(["*"]), resolve=resolve).send(b"{}")
    assert "metadata" in answer.trouble


async def test_an_address_is_checked_before_anything_is_sent(a_sender):
    a_sender("http://hook.example/", Hosts()).check()
    for url in ("http://127.0.0.1/", "http://[::1]:80/", "http://169.254.169.254/"):
        with pytest.raises(InvalidDesign):
            a_sender(url, Hosts()).check()
    with pytest.raises(InvalidDesign, match="allowed_hosts"):
        a_sender("http://hook.example/").check()


async def test_a_redirect_is_an_answer_and_not_followed(a_sender, receiver):
    receiver.answers = [(307, {"Location": receiver.url})]
    answer = await a_sender(receiver.url).send(b"{}")
    assert answer.status == 307
    assert len(receiver.all) == 1


async def test_an_answer_that_does_not_come_is_given_up(a_sender, receiver):
    receiver.open.clear()
    answer = await a_sender(receiver.url, seconds=0.2).send(b"{}")
    receiver.open.set()
    assert answer.status == 0
    assert "0.2 s" in answer.trouble


async def test_a_connection_that_breaks_and_one_that_is_refused_are_told(a_sender, receiver):
    receiver.answers = [None]
    sender = a_sender(receiver.url)
    broken = await sender.send(b"{}")
    assert broken.status == 0
    assert broken.trouble
    assert (await sender.send(b"{}")).status == 200
    free = asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    server = await free
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    assert "Connect" in (await a_sender(f"http://localhost:{port}/").send(b"{}")).trouble


@pytest.mark.parametrize(
    ("text", "pause"),
    [("7", 7), ("Mon, 05 Jan 2026 00:00:10 GMT", 9.5), ("soon", None), (None, None)],
)
async def test_retry_after_is_seconds_or_a_date(a_sender, receiver, text, pause):
    receiver.answers = [(503, {} if text is None else {"Retry-After": text})]
    assert (await a_sender(receiver.url).send(b"{}")).pause == pause


async def test_an_answer_without_end_is_cut(a_sender):
    async def endless(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(endless, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sender = a_sender(f"http://localhost:{port}/")
    async with asyncio.timeout(30):
        assert (await sender.send(b"{}")).status == 200
    server.close()
    await server.wait_closed()


async def test_a_certificate_that_nobody_vouches_for_is_refused(a_sender, tmp_path):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*self_signed(tmp_path))
    with receiving(tls=tls) as receiver:
        answer = await a_sender(f"https://localhost:{receiver.port}/").send(b"{}")
        assert "certificate" in answer.trouble.lower()
        assert receiver.all == []


async def test_a_token_in_the_query_is_not_shown(a_sender):
    assert a_sender("http://localhost/hook?token=abc").shown == "http://localhost/hook"

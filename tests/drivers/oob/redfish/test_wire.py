"""One request and its answer."""

import asyncio

import pytest

from drydockd.drivers.oob.redfish.options import RedfishOptions
from drydockd.drivers.oob.redfish.target import target_of
from drydockd.drivers.oob.redfish.turns import Turns
from drydockd.drivers.oob.redfish.wire import LONGEST_ANSWER, NoAnswer, Wire
from tests.drivers.oob.redfish.conftest import OPTIONS, a_node
from tests.peers.bmc import ROOT, ScriptedBmc


@pytest.fixture
async def bmc():
    bmc = await ScriptedBmc().start()
    yield bmc
    await bmc.stop()


@pytest.fixture
def make(bmc):
    def wire(**options):
        options = RedfishOptions(**{**OPTIONS, **options})
        return Wire(target_of(a_node(bmc), options), options, None, Turns())

    return wire


async def test_an_answer_is_status_headers_document_and_how_long_it_took(make):
    answer = await make().exchange("GET", f"{ROOT}/")
    assert (answer.status, answer.body["Vendor"]) == (200, "Scripted")
    assert answer.headers["odata-version"] == "4.0"
    assert answer.seconds > 0


async def test_a_dead_address_got_nothing(make, bmc):
    await bmc.stop()
    with pytest.raises(NoAnswer, match=r"no connection \(Connection refused\)") as caught:
        await make().exchange("GET", "/")
    assert not caught.value.is_sent


async def test_a_connection_that_breaks_may_have_carried_the_request(make, bmc):
    bmc.rule(drop="before")
    with pytest.raises(NoAnswer, match="the connection broke") as caught:
        await make().exchange("GET", "/")
    assert caught.value.is_sent


async def test_a_bmc_that_is_silent_may_have_got_the_request(make, bmc):
    bmc.rule(hold=asyncio.Event())
    with pytest.raises(NoAnswer, match=r"no answer in 0\.02 s") as caught:
        await make(read_seconds=0.02).exchange("GET", "/")
    assert caught.value.is_sent


async def test_a_bmc_that_drips_is_not_waited_for_byte_by_byte(make, bmc, plain_server):
    async def drip(reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.005)

    bmc.port = await plain_server(drip)
    with pytest.raises(NoAnswer, match=r"no answer in 0\.05 s"):
        await make(read_seconds=0.05).exchange("GET", "/")


async def test_an_answer_without_end_is_cut(make, bmc):
    bmc.rule(status=200, raw=b" " * (LONGEST_ANSWER + 1))
    with pytest.raises(NoAnswer, match="answered with more than 1 MiB"):
        await make().exchange("GET", "/")


async def test_no_compressed_answer_is_asked_for(make, bmc):
    await make().exchange("GET", "/")
    assert bmc.headers[0]["accept-encoding"] == "identity"


async def test_proxies_of_the_environment_are_not_used(make, monkeypatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await make().exchange("GET", f"{ROOT}/")).status == 200


async def test_what_is_no_http_is_a_connection_that_broke(make, bmc, plain_server):
    async def chat(reader, writer):
        await reader.read(1)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        await writer.drain()

    bmc.port = await plain_server(chat)
    with pytest.raises(NoAnswer, match="the connection broke") as caught:
        await make().exchange("GET", "/")
    assert caught.value.is_sent


async def test_an_answer_cut_in_the_middle_is_none(make, bmc, plain_server):
    async def cut(reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}")
        await writer.drain()

    bmc.port = await plain_server(cut)
    with pytest.raises(NoAnswer, match="the connection broke"):
        await make().exchange("GET", "/")


async def test_a_cookie_is_sent_back(make, bmc, plain_server):
    heads = []

    async def bake(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(
            b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b; Secure\r\nSet-Cookie: c=d\r\n\r\n"
        )
        await writer.drain()

    bmc.port = await plain_server(bake)
    wire = make()
    await wire.exchange("GET", "/")
    await wire.exchange("GET", "/")
    assert b"Cookie" not in heads[0]
    assert b"\r\nCookie: a=b; c=d\r\n" in heads[1]


@pytest.mark.parametrize(
    ("path", "target"),
    [("/a/b?c=d&e=%20", b"/a/b?c=d&e=%20"), ("/Systems/\u00e9[1]", b"/Systems/%C3%A9%5B1%5D")],
)
async def test_a_path_is_quoted_once(make, bmc, plain_server, path, target):
    heads = []

    async def answer(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
        await writer.drain()

    bmc.port = await plain_server(answer)
    await make().exchange("GET", path)
    assert heads[0].startswith(b"GET " + target + b" HTTP/1.1\r\n")

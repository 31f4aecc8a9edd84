"""Plain HTTP to the TLS port, and TLS to the plain one: a sentence on both sides."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from click.testing import CliRunner

from drydockd.cli.root import cli
from drydockd.client import Client, ClientConnectionError, ClientError, Session
from drydockd.handlers.schemes import NOT_PLAIN, NOT_TLS
from tests.auth.helpers import certificate
from tests.handlers.helpers import daemon, raw


@pytest.fixture
async def tls(tmp_path):
    """A daemon that speaks TLS, its certificate's file in `cafile`."""
    public, key = certificate(
        "drydock", datetime.now(UTC) + timedelta(days=30), names=[ip_address("127.0.0.1")]
    )
    (tmp_path / "tls.pem").write_bytes(public)
    (tmp_path / "tls.key").write_bytes(key)
    (tmp_path / "tls.key").chmod(0o600)
    (tmp_path / "state").mkdir(mode=0o700)
    api = {
        "listen": "127.0.0.1:0",
        "tls_cert": tmp_path / "tls.pem",
        "tls_key": tmp_path / "tls.key",
    }
    async with daemon(tmp_path / "state", api=api) as running:
        yield running


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "CONNECT"])
async def test_plain_http_to_the_tls_port_is_answered_with_a_sentence(tls, method):
    url = tls.app.url.replace("https", "http")
    answer = await raw(url, f"{method} /versions HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["message"] == NOT_TLS


async def test_what_is_neither_gets_its_connection_closed_and_no_traceback(tls, caplog):
    await raw(tls.app.url.replace("https", "http"), b"\x00" * 100)
    assert "Traceback" not in caplog.text


async def test_tls_to_the_plain_port_is_answered_at_once(drydock):
    answer = await raw(
        drydock.app.url, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
    )
    assert NOT_PLAIN.encode() in answer


async def test_the_client_says_which_scheme_is_the_right_one(tls, drydock):
    def over(url):
        with Session.from_url(url, verify=False) as session:
            return Client(session).get_versions()

    with pytest.raises(ClientError) as told:
        await asyncio.to_thread(over, tls.app.url.replace("https", "http"))
    assert told.value.reason == NOT_TLS
    with pytest.raises(ClientConnectionError, match="use http:// instead of https://"):
        await asyncio.to_thread(over, drydock.app.url.replace("http", "https"))


async def test_the_command_says_it_too(tls, drydock):
    def run(url):
        return CliRunner().invoke(cli, ["--url", url, "versions"])

    plain = await asyncio.to_thread(run, tls.app.url.replace("https", "http"))
    assert plain.exit_code == 1
    assert NOT_TLS in plain.output
    reverse = await asyncio.to_thread(run, drydock.app.url.replace("http", "https"))
    assert reverse.exit_code == 1
    assert "use http:// instead of https://" in reverse.output

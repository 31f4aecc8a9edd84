"""Whose certificates are believed, and what the environment of other clients has to say."""

import ssl

import pytest

from drydockd.client import Client, Session
from drydockd.client.errors import ClientConnectionError
from drydockd.client.keystone import get_ks_session
from drydockd.client.trust import VARIABLES, trusted, verifier
from tests.peers.certificates import Authority
from tests.peers.kubernetes import ApiServer


@pytest.fixture(autouse=True)
def _no_certificates_from_outside(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ca(tmp_path):
    return str(Authority(tmp_path).file)


def test_what_was_given_goes_before_every_variable(ca):
    environ = dict.fromkeys(VARIABLES, ca)
    assert trusted("/mine", environ) == "/mine"
    assert trusted(False, environ) is False


def test_the_variables_have_an_order(tmp_path):
    environ = {}
    assert trusted(True, environ) is True
    for name in reversed(VARIABLES):
        path = tmp_path / name
        path.touch()
        environ[name] = str(path)
        assert trusted(True, environ) == str(path)


def test_an_empty_variable_says_nothing(ca):
    environ = {"OS_CACERT": "", "CURL_CA_BUNDLE": ca}
    assert trusted(True, environ) == ca


@pytest.mark.parametrize("name", VARIABLES)
def test_a_variable_that_leads_to_nothing_is_named(monkeypatch, name):
    monkeypatch.setenv(name, "/no/ca.pem")
    with pytest.raises(ValueError, match=f"{name} /no/ca.pem: there is no such file"):
        Session("h", scheme="https")
    with pytest.raises(ValueError, match=name):
        get_ks_session(token="t")


def test_a_file_without_certificates_is_named_with_its_variable(monkeypatch, tmp_path):
    file = tmp_path / "text"
    file.write_text("hello")
    with pytest.raises(ValueError, match=rf"^{file}: no PEM certificates"):
        verifier(str(file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(file))
    with pytest.raises(ValueError, match=rf"^CURL_CA_BUNDLE {file}: no PEM certificates"):
        verifier(True)


def test_a_file_and_a_folder_do_and_the_usual_is_left_to_httpx(ca, tmp_path):
    assert len(verifier(ca).get_ca_certs()) == 1
    assert isinstance(verifier(str(tmp_path)), ssl.SSLContext)
    assert verifier(True) is True
    assert verifier(False) is False


def test_keystones_session_believes_the_same(monkeypatch, ca):
    monkeypatch.setenv("OS_CACERT", ca)
    assert get_ks_session(token="t").verify == ca
    assert get_ks_session(token="t", verify=False).verify is False


@pytest.mark.parametrize("name", VARIABLES)
async def test_a_server_of_that_authority_is_believed(monkeypatch, tmp_path, name):
    import asyncio

    authority = Authority(tmp_path)
    server, _ = authority.context("api")
    api = ApiServer(tls=server)
    await api.start()
    try:

        def ask():
            with Session.from_url(api.url) as session:
                return Client(session).session.get("x").status_code

        with pytest.raises(ClientConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            await asyncio.to_thread(ask)
        monkeypatch.setenv(name, str(authority.file))
        assert await asyncio.to_thread(ask) == 401
    finally:
        await api.stop()

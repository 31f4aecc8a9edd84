"""The certificate of the boot listener is tried as an agent would, before any agent does."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from drydockd.drivers.node.netboot.certificate import load_certificate
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.errors import InvalidConfig
from tests.peers.certificates import Authority


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def options(pair, **given):
    given.setdefault("base_url", "http://127.0.0.1:9100")
    return NetbootOptions(**{"tls_cert": pair, "tls_key": pair, **given})


def issued(authority, **wanted):
    authority.context("listener", **wanted)
    return authority.pair


def refused(given):
    with pytest.raises(InvalidConfig) as caught:
        load_certificate(given)
    return str(caught.value)


def test_a_certificate_of_the_given_ca_is_taken_with_the_ca_for_the_agents(authority):
    loaded = load_certificate(options(issued(authority), tls_ca=authority.file))
    assert loaded.ca == authority.file.read_text()
    assert loaded.tls.chain == authority.pair.read_bytes()


def test_a_self_signed_one_vouches_for_itself(authority):
    pair = issued(authority, is_self_signed=True)
    assert load_certificate(options(pair)).ca.count("BEGIN CERTIFICATE") == 1


def test_without_one_there_is_none():
    assert load_certificate(NetbootOptions(base_url="http://x")) is None


def test_an_expired_one_is_refused_with_its_option(authority):
    text = refused(options(issued(authority, days=-1), tls_ca=authority.file))
    assert text.startswith(f"netboot_driver.tls_cert {authority.pair}: machines, which speak to ")
    assert text.endswith("would refuse it: certificate has expired")


def test_one_of_another_ca_is_refused(authority, tmp_path):
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    text = refused(options(issued(authority), tls_ca=other.file))
    assert f"trust tls_ca {other.file}" in text


def test_one_without_its_ca_is_refused(authority):
    assert "trust it alone (tls_ca is not set)" in refused(options(issued(authority)))


def test_one_for_another_address_is_refused(authority):
    text = refused(options(issued(authority, address="10.0.0.9"), tls_ca=authority.file))
    assert "https://127.0.0.1:9101" in text
    assert "IP address mismatch" in text


def test_installed_systems_must_be_able_to_check_it_too(authority):
    given = options(
        issued(authority), tls_ca=authority.file, report_url="https://10.0.0.8:9101"
    )  # fmt: skip
    assert "which speak to https://10.0.0.8:9101" in refused(given)


def test_a_key_of_another_is_told_with_the_section(authority, tmp_path):
    pair = issued(authority)
    authority.context("other")
    text = refused(options(pair, tls_key=authority.pair, tls_ca=authority.file))
    assert "netboot_driver.tls_key" in text
    assert "the key is not that of the certificate" in text


@pytest.mark.parametrize("option", ["tls_cert", "tls_key", "tls_ca"])
def test_a_file_that_is_not_there_is_told_with_its_option(authority, option):
    pair = issued(authority)
    given = options(pair, **{"tls_ca": authority.file, option: Path("/no/such.pem")})
    text = refused(given)
    assert f"netboot_driver.{option} /no/such.pem" in text
    assert "No such file" in text


def test_what_is_no_certificate_is_told(authority, tmp_path):
    (tmp_path / "words.pem").write_text("only words\n")
    text = refused(options(issued(authority), tls_ca=tmp_path / "words.pem"))
    assert "no certificate of a CA can be read there" in text


@pytest.mark.parametrize("given", [{"tls_cert": "/x"}, {"tls_key": "/x"}, {"tls_ca": "/x"}])
def test_half_of_it_is_refused(given):
    with pytest.raises(ValidationError, match="tls_"):
        NetbootOptions(base_url="http://x", **given)


def test_agents_and_installed_systems_are_told_the_address_of_the_tls_port():
    given = options(Path("/x"), base_url="http://[fd00::1]:9100", tls_listen="[::]:9443")
    assert given.told_url == given.reports_to == "https://[fd00::1]:9443"
    given = options(Path("/x"), agent_url="https://boot.example:1")
    assert given.told_url == "https://boot.example:1"
    assert NetbootOptions(base_url="http://x:9100").told_url == "http://x:9100"

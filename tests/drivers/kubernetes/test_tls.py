"""Certificates from files and from memory."""

import ssl

import pytest

from drydockd.drivers.kubernetes.tls import context_of
from drydockd.errors import InvalidInput
from tests.peers.certificates import Authority

ENCRYPTED = b"""-----BEGIN ENCRYPTED PRIVATE KEY-----
MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAiYJ6nJBjcUZgICCAAw
-----END ENCRYPTED PRIVATE KEY-----
"""


def test_a_certificate_from_memory_is_as_good_as_one_in_a_file(tmp_path):
    authority = Authority(tmp_path)
    authority.context("client")
    pem = tmp_path / "client.pem"
    for ca, chain in ((authority.file, pem), (authority.file.read_bytes(), pem.read_bytes())):
        context = context_of(ca=ca, certificate=chain, key=chain)
        assert context.verify_mode == ssl.CERT_REQUIRED
        assert context.check_hostname
        assert len(context.get_ca_certs()) == 1


def test_unchecked_means_unchecked():
    context = context_of(insecure=True)
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_NONE, False)


def test_what_cannot_be_used_is_named_with_its_option(tmp_path):
    (tmp_path / "text").write_text("hello")
    with pytest.raises(InvalidInput, match="ca_file /no/ca: No such file"):
        context_of(ca=tmp_path.joinpath("/no/ca"))
    with pytest.raises(InvalidInput, match=r"ca_file .*text: no PEM"):
        context_of(ca=tmp_path / "text")
    with pytest.raises(InvalidInput, match=r"a \(data\): "):
        context_of(ca=b"\xff", names=("a", "b", "c"))
    with pytest.raises(InvalidInput, match=r"client_certificate .*text.*, client_key /no/key: "):
        context_of(certificate=tmp_path / "text", key=tmp_path.joinpath("/no/key"))


def test_an_encrypted_key_asks_nobody(tmp_path):
    authority = Authority(tmp_path)
    authority.context("client")
    with pytest.raises(InvalidInput, match="client_key"):
        context_of(certificate=tmp_path / "client.pem", key=ENCRYPTED)

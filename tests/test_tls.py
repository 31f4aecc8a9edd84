import ssl

import pytest

from drydockd.errors import InvalidConfig
from drydockd.tls import load_tls
from tests.daemon.test_process import self_signed


def test_the_context_comes_with_the_text_it_was_made_of(tmp_path):
    certificate, key = self_signed(tmp_path)
    tls = load_tls(certificate, key)
    assert tls.chain == certificate.read_bytes()
    assert tls.context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_a_key_of_another_certificate_is_named(tmp_path):
    (tmp_path / "other").mkdir()
    certificate, _ = self_signed(tmp_path)
    _, other = self_signed(tmp_path / "other")
    with pytest.raises(InvalidConfig, match=r"api\.tls_key .*: the key is not that"):
        load_tls(certificate, other)


def test_a_file_that_is_not_there_is_named(tmp_path):
    certificate, key = self_signed(tmp_path)
    with pytest.raises(InvalidConfig, match=f"{tmp_path}/no.pem: No such file"):
        load_tls(tmp_path / "no.pem", key)
    with pytest.raises(InvalidConfig, match=r"api\.tls_cert"):
        load_tls(certificate, tmp_path / "no.key")


def test_a_certificate_that_is_written_meanwhile_is_read_again(tmp_path, monkeypatch):
    certificate, key = self_signed(tmp_path)
    load = ssl.SSLContext.load_cert_chain
    made = []

    def meanwhile(context, *files):
        load(context, *files)
        if not made:
            certificate.write_bytes(certificate.read_bytes() + b"\n")
        made.append(context)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", meanwhile)
    tls = load_tls(certificate, key)
    assert len(made) == 2
    assert tls.chain == certificate.read_bytes()

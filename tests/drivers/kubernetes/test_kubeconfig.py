"""A kubeconfig is read for one context; nothing in it is run."""

import base64
from pathlib import Path

import pytest
import yaml

from drydockd.drivers.kubernetes.kubeconfig import read
from drydockd.errors import InvalidInput

SECRET = "kubeconfig-secret-91"


def config(folder, *, user=None, cluster=None, context=None):
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "contexts": [
            {"name": "other", "context": {"cluster": "gone", "user": "gone"}},
            {"name": "here", "context": {"cluster": "c", "user": "u", **(context or {})}},
        ],
        "clusters": [{"name": "c", "cluster": {"server": "https://k:6443", **(cluster or {})}}],
        "users": [{"name": "u", "user": {"token": SECRET} if user is None else user}],
    }
    file = folder / "config"
    file.write_text(yaml.safe_dump(document))
    return file


def test_a_context_leads_to_a_server_and_a_user(tmp_path):
    ca = base64.encodebytes(b"PEM of a CA, long enough that it takes two lines of base64" * 3)
    found = read(
        config(
            tmp_path,
            cluster={"certificate-authority-data": ca.decode(), "tls-server-name": "kube"},
        )
    )
    assert (found.server, found.token, found.server_name) == ("https://k:6443", SECRET, "kube")
    assert found.ca.startswith(b"PEM of a CA")
    assert not found.insecure
    assert SECRET not in repr(found)


def test_files_are_found_beside_it_and_a_token_file_wins(tmp_path):
    user = {"token": SECRET, "tokenFile": "t", "client-certificate": "c.pem", "client-key": "/k"}
    found = read(config(tmp_path, user=user, cluster={"insecure-skip-tls-verify": True}))
    assert (found.token, found.token_file) == (None, tmp_path / "t")
    assert (found.certificate, found.key) == (tmp_path / "c.pem", Path("/k"))
    assert found.insecure


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ({"exec": {"command": "aws"}}, "exec of user u: an exec plugin is a program"),
        ({"auth-provider": {"name": "gcp"}}, "auth providers are gone"),
        ({"username": "joe", "password": SECRET}, "take no passwords"),
        ({"token": SECRET, "as": "admin"}, "impersonation is not done"),
        ({}, "has no token, tokenFile or client-certificate"),
        ({"client-certificate-data": f"!{SECRET}"}, "client-certificate-data of user u is not"),
    ],
)
def test_a_user_that_is_no_identity_of_ours_is_refused_in_a_sentence(tmp_path, user, said):
    file = config(tmp_path, user=user)
    with pytest.raises(InvalidInput, match=said) as raised:
        read(file)
    assert str(file) in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        ({"proxy-url": "http://p"}, "proxy-url of cluster c"),
        ({"server": "k:6443"}, "server of cluster c is not https://<host>"),
        ({"server": "https://joe:x@k"}, "server of cluster c is not"),
    ],
)
def test_a_cluster_that_cannot_be_asked_directly_is_refused(tmp_path, cluster, said):
    with pytest.raises(InvalidInput, match=said):
        read(config(tmp_path, cluster=cluster))


def test_a_name_that_is_not_there_is_told_with_those_that_are(tmp_path):
    file = config(tmp_path)
    with pytest.raises(InvalidInput, match="contexts has no nope; there are: other, here"):
        read(file, "nope")
    with pytest.raises(InvalidInput, match="clusters has no gone; there are: c"):
        read(file, "other")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("users: [token: " + SECRET, "line 1: not YAML"),
        ("[]", "no kubeconfig"),
        ("{}", "no current-context"),
        ("current-context: x", "contexts has no x"),
    ],
)
def test_what_is_no_kubeconfig_is_told_without_showing_it(tmp_path, content, said):
    (tmp_path / "config").write_text(content)
    with pytest.raises(InvalidInput, match=said) as raised:
        read(tmp_path / "config")
    assert SECRET not in str(raised.value)


def test_a_file_that_is_missing_or_far_too_large_is_named(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        read(tmp_path / "no")
    (tmp_path / "large").write_bytes(b" " * ((1 << 20) + 1))
    with pytest.raises(InvalidInput, match="larger than 1 MiB"):
        read(tmp_path / "large")

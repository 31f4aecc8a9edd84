"""No authentication: loudly, and on this machine only."""

import logging

import pytest

from drydockd.auth.noauth import NoAuth, is_loopback
from drydockd.errors import Forbidden, InvalidConfig, Misdirected


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "drydock.example", ""])
def test_listening_beyond_this_machine_refuses_the_start(address):
    with pytest.raises(InvalidConfig, match="noauth"):
        NoAuth(["admin"], ["127.0.0.1", address])
    assert NoAuth(["admin"], [address], is_forced=True).anonymous("10.0.0.9", {}) is not None


def test_the_start_warns_loudly(caplog):
    NoAuth(["admin"], ["127.0.0.1"])
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "NO AUTHENTICATION" in record.getMessage()
    assert "admin" in record.getMessage()


def test_everyone_here_is_one_forged_identity():
    caller = NoAuth(["admin", " member "], ["127.0.0.1"]).anonymous("127.0.0.1", {})
    assert (caller.user, caller.project_id, caller.roles) == (
        "noauth",
        "noauth",
        ("admin", "member"),
    )
    assert caller.authenticated
    assert caller.is_admin_project


def test_no_configured_roles_means_no_roles():
    caller = NoAuth([], ["::1"]).anonymous("::1", {})
    assert caller.roles == ()
    assert not caller.is_admin_project


async def test_a_request_from_elsewhere_stays_unknown_unless_forced():
    strategy = NoAuth(["admin"], ["127.0.0.1"])
    assert strategy.anonymous("10.0.0.1", {}) is None
    assert await strategy.verify("any") is None
    assert not strategy.recognises("any")
    await strategy.close()


@pytest.mark.parametrize(
    ("address", "is_here"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("[::1]", True),
        ("::ffff:127.0.0.1", True),
        ("::ffff:10.0.0.1", False),
        ("localhost", True),
        ("/run/drydockd.sock", True),
        ("127.0.0.1.evil.example", False),
        ("10.0.0.1", False),
        ("", False),
    ],
)
def test_loopback_addresses_are_known(address, is_here):
    assert is_loopback(address) is is_here


def asked(host, origin=None, *, remote="127.0.0.1", **options):
    strategy = NoAuth(["admin"], ["127.0.0.1"], **options)
    headers = {"Host": host} | ({"Origin": origin} if origin else {})
    return strategy.anonymous(remote, headers)


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1:9000", "localhost", "LOCALHOST:9000", "localhost.", "[::1]:9000", "127.9.9.9", ""],
)
def test_names_of_this_machine_are_answered(host):
    assert asked(host) is not None


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:9000",
        "localhost.evil.example",
        "127.0.0.1.evil.example:80",
        "127.0.0.1@evil.example",
        "10.0.0.1:9000",
        "[::2]",
        "2130706433",
        "0x7f.1",
        "a b",
        "::1x",
        "unix:x",
        "/run/x",
    ],
)
def test_a_name_that_somebody_else_may_point_here_is_not_answered(host):
    with pytest.raises(Misdirected, match="noauth answers to"):
        asked(host)


def test_the_configured_names_are_answered():
    assert asked("drydock.example:9000", names=["drydock.example"]) is not None
    with pytest.raises(Misdirected):
        asked("drydock.example.evil", names=["drydock.example"])


def test_a_forced_one_answers_to_addresses_but_to_no_foreign_name():
    assert asked("10.0.0.1:9000", remote="10.0.0.9", is_forced=True) is not None
    with pytest.raises(Misdirected):
        asked("evil.example", is_forced=True)


@pytest.mark.parametrize("origin", ["http://localhost:9000", "http://LOCALHOST:9000"])
def test_a_page_of_its_own_may_ask(origin):
    assert asked("localhost:9000", origin) is not None


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://localhost:3000", "http://[", "file://"]
)
def test_a_page_of_another_place_may_not(origin):
    with pytest.raises(Forbidden, match="Origin"):
        asked("localhost:9000", origin)


def test_a_page_of_the_public_name_may_ask_through_a_proxy():
    names = ["drydock.example"]
    assert asked("127.0.0.1:9000", "https://drydock.example", names=names) is not None

"""No authentication: loudly, and on this machine only."""

import logging

import pytest

from drydockd.auth.noauth import NoAuth, is_loopback
from drydockd.errors import InvalidConfig


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "10.0.0.1", "drydock.example", ""])
def test_listening_beyond_this_machine_refuses_the_start(address):
    with pytest.raises(InvalidConfig, match="noauth"):
        NoAuth(["admin"], ["127.0.0.1", address])
    assert NoAuth(["admin"], [address], is_forced=True).anonymous("10.0.0.9") is not None


def test_the_start_warns_loudly(caplog):
    NoAuth(["admin"], ["127.0.0.1"])
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "NO AUTHENTICATION" in record.getMessage()
    assert "admin" in record.getMessage()


def test_everyone_here_is_one_forged_identity():
    caller = NoAuth(["admin", " member "], ["127.0.0.1"]).anonymous("127.0.0.1")
    assert (caller.user, caller.project_id, caller.roles) == (
        "noauth",
        "noauth",
        ("admin", "member"),
    )
    assert caller.authenticated
    assert caller.is_admin_project


def test_no_configured_roles_means_no_roles():
    caller = NoAuth([], ["::1"]).anonymous("::1")
    assert caller.roles == ()
    assert not caller.is_admin_project


async def test_a_request_from_elsewhere_stays_unknown_unless_forced():
    strategy = NoAuth(["admin"], ["127.0.0.1"])
    assert strategy.anonymous("10.0.0.1") is None
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

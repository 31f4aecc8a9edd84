"""``python -m tests.peers``: which real parts it brings."""

import pytest

from tests.peers import __main__ as peers
from tests.peers.table import PEERS, Peer


@pytest.fixture
def brought(monkeypatch):
    """Names of what was installed; two parts are missing."""
    names = []
    for name in ("nowhere", "elsewhere"):
        part = Peer(name, starts="never", packages=(f"{name}-pkg",), programs=("no-such-program",))
        monkeypatch.setitem(PEERS, name, part)
    monkeypatch.setattr(peers, "install", lambda peer: names.append(peer.name))
    return names


def test_named_parts_are_brought_and_no_others(brought):
    assert peers.main(["install", "elsewhere"]) == 0
    assert brought == ["elsewhere"]


def test_without_names_all_that_is_missing_is_brought(brought):
    assert peers.main(["install"]) == 0
    assert {"nowhere", "elsewhere"} <= {*brought}


def test_a_name_of_no_part_is_an_error_that_names_those_there_are(brought, capsys):
    assert peers.main(["install", "netbot"]) == 2
    assert "no real part netbot; there are keystone, " in capsys.readouterr().err
    assert brought == []

"""Whose API key it is."""

import asyncio

import pytest

from drydockd.drivers.node.maas.account import Account
from drydockd.errors import DriverPersistent, DriverTransient
from tests.peers.maas import Fault


async def test_the_user_is_asked_once_but_again_after_a_failure(maas, client):
    account = Account(client)
    maas.faults.append(Fault(lambda call: True, status=503))
    with pytest.raises(DriverTransient):
        await account.name()
    assert [await account.name(), await account.name()] == ["admin", "admin"]
    assert maas.counted("GET", "users/", "whoami") == 2


async def test_those_that_ask_at_once_share_the_answer(maas, client):
    account = Account(client)
    assert await asyncio.gather(account.name(), account.name()) == ["admin", "admin"]
    assert maas.counted("GET", "users/", "whoami") == 1


async def test_an_answer_without_a_name_is_told(maas, client):
    maas.faults.append(Fault(lambda call: True, status=200, body={}))
    with pytest.raises(DriverPersistent, match="no user name"):
        await Account(client).name()

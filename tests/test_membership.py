"""How a daemon comes to its store; with a database: tests/daemon/test_cluster.py."""

import socket
from contextlib import AsyncExitStack

import pytest

from drydockd import membership
from drydockd.errors import InvalidConfig, StoreUnavailable
from drydockd.model import timestamp
from drydockd.tasks import ALONE
from tests.handlers.helpers import settings

LISTENS = "http://127.0.0.1:9000"


async def open_alone(chosen, stack):
    return await membership.opened(chosen, stack, lambda: LISTENS, lambda why: None, None)


async def test_a_daemon_that_has_its_store_for_itself_is_in_no_cluster(tmp_path):
    async with AsyncExitStack() as stack:
        opened = await open_alone(settings(tmp_path), stack)
        assert (opened.cluster, opened.seal) == (None, None)
        assert opened.authority is ALONE
        before = timestamp()
        assert before <= opened.now() <= timestamp()
        assert len(opened.secret) == 32


async def test_a_state_directory_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    chosen = settings(tmp_path / "file" / "state")
    async with AsyncExitStack() as stack:
        with pytest.raises(InvalidConfig, match=r"store.state_dir .*/file/state: Not a directory"):
            await open_alone(chosen, stack)


def test_a_daemon_is_called_as_it_is_told_or_as_its_host(tmp_path):
    assert membership.member_name(settings(tmp_path, cluster={"name": "east"})) == "east"
    assert membership.member_name(settings(tmp_path)) == socket.gethostname()


@pytest.mark.parametrize(
    ("listen", "address", "found"),
    [
        ("127.0.0.1:0", None, LISTENS),
        ("0.0.0.0:9000", "http://10.0.0.1:9000", "http://10.0.0.1:9000"),
    ],
)
def test_others_reach_it_where_it_says_or_listens(tmp_path, listen, address, found):
    chosen = settings(tmp_path, api={"listen": listen}, cluster={"address": address})
    assert membership.member_address(chosen, LISTENS) == found


@pytest.mark.parametrize("listen", ["0.0.0.0:9000", "[::]:9000"])
def test_an_address_that_tells_nobody_anything_is_refused(tmp_path, listen):
    chosen = settings(tmp_path, api={"listen": listen})
    with pytest.raises(InvalidConfig, match=r"cluster\.address is missing: api\.listen, "):
        membership.member_address(chosen, LISTENS)


async def test_a_database_on_its_way_up_is_waited_for(monkeypatch, caplog):
    monkeypatch.setattr(membership, "RETRY_SECONDS", 0)
    failures = [StoreUnavailable("away")] * 3

    async def join():
        if failures:
            raise failures.pop()
        return "joined"

    assert await membership._patiently(join) == "joined"
    assert [record.message for record in caplog.records] == ["cannot start yet, trying again: away"]


async def test_one_that_does_not_come_up_is_an_error(monkeypatch):
    monkeypatch.setattr(membership, "START_SECONDS", 0)

    async def join():
        raise StoreUnavailable("away")

    with pytest.raises(StoreUnavailable, match="away"):
        await membership._patiently(join)

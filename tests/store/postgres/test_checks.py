"""A database that may lose what it acknowledged is refused, or said to."""

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import open_store
from drydockd.store.postgres.checks import check_pooler, check_server
from drydockd.store.postgres.connect import connect


async def test_a_server_that_is_not_durable_is_refused_by_name(shared):
    with pytest.raises(StoreRefused, match=r"fsync is off.*Set fsync = on.*durable=no"):
        await open_store("postgres", None, url=shared.socket_url, name="a")


async def test_who_says_so_is_warned_and_of_a_missing_standby_too(shared, caplog):
    url = f"{shared.socket_url}&durable=no"
    store = await open_store("postgres", None, url=url, name="a")
    await store.close()
    for told in ("fsync is off", "synchronous_commit is off", "no synchronous standby"):
        assert told in caplog.text


class Answers:
    def __init__(self, **settings):
        self.settings = {
            "server_version_num": "150018",
            "server_version": "15.18",
            "fsync": "on",
            "full_page_writes": "on",
            "synchronous_commit": "on",
            "server_encoding": "UTF8",
            "synchronous_standby_names": "s",
            **settings,
        }

    async def fetch(self, sql):
        return [{"name": name, "setting": value} for name, value in self.settings.items()]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"server_version_num": "130012", "server_version": "13.12"}, "13.12; drydockd needs 14"),
        ({"server_encoding": "LATIN1"}, "UTF8"),
        ({"synchronous_commit": "local"}, "synchronous_commit is local"),
        ({"full_page_writes": "off"}, "full_page_writes is off"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
async def test_each_setting_is_refused_by_name(settings, told):
    with pytest.raises(StoreRefused, match=told):
        await check_server(Answers(**settings), "postgresql://h/d")


async def test_a_server_with_a_standby_needs_no_word(caplog):
    await check_server(Answers(synchronous_commit="remote_apply"), "postgresql://h/d")
    assert not caplog.records


class Pooled:
    """What a pooler shows: another pid than the server's, and whose session was used last."""

    def __init__(self, real, *, is_by_transaction):
        self._real = real
        self._is_by_transaction = is_by_transaction

    def get_server_pid(self):
        return 1

    async def execute(self, sql, *args):
        if not self._is_by_transaction:
            await self._real.execute(sql, *args)

    async def fetchval(self, sql, *args):
        return await self._real.fetchval(sql, *args)


@pytest.mark.parametrize("is_by_transaction", [False, True])
async def test_a_pooler_by_transaction_is_refused_one_by_session_is_not(shared, is_by_transaction):
    url = shared.socket_url
    real = await connect(url, purpose="test")
    try:
        pooled = Pooled(real, is_by_transaction=is_by_transaction)
        if is_by_transaction:
            with pytest.raises(StoreRefused, match="by transaction"):
                await check_pooler(pooled, url)
        else:
            await check_pooler(pooled, url)
            await check_pooler(real, url)
    finally:
        await real.close()

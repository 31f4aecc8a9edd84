"""The first daemon makes the schema; all others must fit it."""

import asyncio

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import Put
from drydockd.store.postgres.making import secret_mark
from drydockd.store.postgres.schema import FORMAT
from tests.store.helpers import a_task, on_database

SECRET = b"s" * 32


async def test_of_daemons_that_start_at_once_on_an_empty_database_one_makes_the_schema(postgres):
    names = ["a", "b", "c"]
    stores = await asyncio.gather(*(on_database(postgres, name) for name in names))
    await stores[0].write(Put(a_task("a")))
    for store in stores:
        await store.fresh(10)
        assert store.task("a")
    assert sorted(member.name for member in await stores[0].members()) == names
    for store in stores:
        await store.close()


async def test_daemons_of_another_secret_are_refused_naming_the_file(shared):
    first = await on_database(shared, "a", secret_mark=b"mine")
    second = await on_database(shared, "b", secret_mark=b"mine")
    with pytest.raises(StoreRefused, match=r"auth\.secret_file"):
        await on_database(shared, "c", secret_mark=b"other")
    assert len(await first.members()) == 2
    await first.close()
    await second.close()


async def test_a_newer_format_is_refused(shared):
    shared.run(f"UPDATE drydock.head SET format = {FORMAT + 1}")
    try:
        with pytest.raises(StoreRefused, match=f"has format {FORMAT + 1}"):
            await on_database(shared)
    finally:
        shared.run(f"UPDATE drydock.head SET format = {FORMAT}")


def test_the_mark_depends_on_the_secret_and_does_not_tell_it():
    assert secret_mark(SECRET) == secret_mark(SECRET) != secret_mark(b"t" * 32)
    assert SECRET not in secret_mark(SECRET)

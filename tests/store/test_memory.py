"""The backend without a disk; its semantics are in test_base."""

import pytest

from drydockd.errors import InvalidInput
from drydockd.store import Put, open_store
from drydockd.store.memory import MemoryStore
from tests.store.helpers import a_task


async def test_it_is_opened_by_name_and_forgets_with_its_process():
    store = await open_store("memory")
    await store.write(Put(a_task("a")))
    assert isinstance(store, MemoryStore)
    assert (await open_store("memory")).tasks() == []
    assert store.health().journal_bytes == 0


async def test_an_unknown_backend_names_those_there_are():
    with pytest.raises(InvalidInput, match="'redis' is unknown; there are: tiny, memory"):
        await open_store("redis")


async def test_the_backend_on_disk_needs_a_directory():
    with pytest.raises(InvalidInput, match="needs the path"):
        await open_store("tiny")

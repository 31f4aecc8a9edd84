"""The backend without a disk; its semantics are in test_base."""

import pytest

from drydockd.errors import InvalidInput
from drydockd.store import Put, open_store
from tests.store.helpers import a_task


async def test_it_is_opened_by_name_and_forgets_with_its_process():
    store = await open_store("memory")
    await store.write(Put(a_task("a")))
    assert (await open_store("memory")).tasks() == []
    assert store.health().journal_bytes == 0


@pytest.mark.parametrize("name", ["redis", "codec"])
async def test_an_unknown_backend_is_refused(name):
    with pytest.raises(InvalidInput, match=f"'{name}' is unknown"):
        await open_store(name)


async def test_the_backend_on_disk_needs_a_directory():
    with pytest.raises(InvalidInput, match="needs the path"):
        await open_store("tiny")

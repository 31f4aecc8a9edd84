"""What drivers keep in the store."""

import pytest

from drydockd.drivers.base import Shelf
from drydockd.errors import InvalidInput
from drydockd.store import open_store
from drydockd.store.shelf import StoreShelf


@pytest.fixture
async def store(tmp_path):
    store = await open_store("tiny", tmp_path)
    yield store
    await store.close()


async def test_a_driver_finds_its_records_again_after_a_restart(tmp_path):
    store = await open_store("tiny", tmp_path)
    shelf: Shelf = StoreShelf(store, "netboot")
    digest = await shelf.put_blob(b"<lshw/>")
    await shelf.put({"machines/a": {"state": "new"}, "documents/a": {}}, {"documents/a": digest})
    await store.close()
    store = await open_store("tiny", tmp_path)
    shelf = StoreShelf(store, "netboot")
    assert shelf.records() == {"machines/a": {"state": "new"}, "documents/a": {}}
    assert shelf.record("machines/a") == {"state": "new"}
    assert shelf.record("machines/b") is None
    assert await shelf.blob(digest) == b"<lshw/>"
    await store.close()


async def test_one_driver_does_not_see_what_another_keeps(store):
    await StoreShelf(store, "netboot").put({"a": {"x": 1}})
    await StoreShelf(store, "netbootx").put({"a": {"x": 2}})
    assert StoreShelf(store, "netboot").records() == {"a": {"x": 1}}


async def test_records_go_and_come_in_one_write(store):
    shelf = StoreShelf(store, "d")
    await shelf.put({"old": {}})
    before = store.seq
    await shelf.put({"old": None, "new": {}})
    assert list(shelf.records()) == ["new"]
    assert store.seq == before + 1


async def test_what_is_no_json_is_refused_and_nothing_changes(store):
    shelf = StoreShelf(store, "d")
    with pytest.raises(InvalidInput, match="d/bad"):
        await shelf.put({"good": {}, "bad": {"x": object()}})
    assert shelf.records() == {}

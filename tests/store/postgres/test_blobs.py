"""Blobs of a database: written once, verified, kept as long as somebody may need them."""

import asyncio
import hashlib

import pytest

from drydockd.errors import NotFound, StoreRefused
from drydockd.store import Put
from drydockd.store.postgres import blobs
from tests.store.helpers import a_task


async def test_a_blob_stays_for_its_hour_and_goes_when_nobody_names_it(pair, shared):
    here, there = pair
    digest = await here.put_blob(b"design")
    here.drop_blob(digest)
    assert await here.backend.sweep() == 0
    shared.run("UPDATE drydock.blob SET put = put - interval '61 minutes'")
    assert await here.backend.sweep() == 0  # seen unnamed just now for the first time
    assert await there.blob(digest) == b"design"
    assert await here.backend.sweep(0) == 1
    with pytest.raises(NotFound):
        await here.blob(digest)


async def test_a_blob_that_another_daemon_names_is_not_swept(pair):
    here, there = pair
    digest = await there.put_blob(b"design")
    await there.write(Put(a_task("a", design=digest)))
    await here.fresh(10)
    assert await here.backend.sweep(0) == 0
    assert here.keep_blob(digest)


async def test_what_was_put_long_ago_is_put_again_before_it_is_named(pair, shared, monkeypatch):
    here, _ = pair
    digest = await here.put_blob(b"design")
    assert here.backend.has_blob(digest)
    monkeypatch.setattr(blobs, "TRUSTED_SECONDS", 0)
    shared.run("UPDATE drydock.blob SET put = 'epoch'")
    assert not here.backend.has_blob(digest)
    assert await here.put_blob(b"design", digest) == digest
    assert shared.run("SELECT put > 'yesterday' FROM drydock.blob") == "t"


async def test_a_damaged_blob_is_refused_and_the_next_put_writes_it_anew(pair, shared):
    here, there = pair
    digest = await here.put_blob(b"design")
    shared.run("UPDATE drydock.blob SET content = 'damaged'")
    with pytest.raises(StoreRefused, match=digest):
        await there.blob(digest)
    await there.put_blob(b"design")
    assert await there.blob(digest) == b"design"
    shared.run("DELETE FROM drydock.blob")
    with pytest.raises(NotFound):
        await here.blob(digest)
    await here.put_blob(b"design", digest)
    assert await here.blob(digest) == b"design"


async def test_contents_read_once_are_remembered_up_to_a_bound(pair, shared, monkeypatch):
    here, _ = pair
    monkeypatch.setattr(blobs, "MEMORY_BYTES", 1000)
    contents = [bytes([number]) * 240 for number in range(6)]
    digests = [await here.put_blob(content) for content in contents]
    assert digests[0] == hashlib.sha256(contents[0]).hexdigest()
    for digest in digests:
        await here.blob(digest)
    shared.run("DELETE FROM drydock.blob")
    assert await here.blob(digests[-1]) == contents[-1]
    with pytest.raises(NotFound):
        await here.blob(digests[0])
    assert here.backend._blobs._memory_bytes <= 1000


async def test_a_blob_may_be_read_in_the_loops_thread_and_in_others(pair):
    here, _ = pair
    digest = await here.put_blob(b"design")
    assert here.backend.read_blob(digest) == b"design"
    read = [asyncio.to_thread(here.backend.read_blob, digest) for _ in range(5)]
    assert await asyncio.gather(*read) == [b"design"] * 5

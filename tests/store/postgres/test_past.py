"""Writes of the past, as watchers were told of them."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.model import BootAction, Message, Task
from drydockd.store import Edit, Put, Remove
from drydockd.store.past import WritesGone
from drydockd.store.postgres import past as module
from tests.store.helpers import a_boot_action, a_context, a_message, a_task


async def read_all(store, after):
    past, found = store.past(after), []
    while some := await asyncio.to_thread(past.read, store.seq):
        found += some
    past.close()
    return [(write.seq, write.records) for write in found]


async def test_what_was_told_is_read_again_wherever_it_was_written(pair, monkeypatch):
    here, there = pair
    monkeypatch.setattr(module, "_PIECE_BYTES", 500)
    told = []
    here.watch(lambda seq, news: told.append((seq, list(news))))
    for number, store in enumerate((here, there) * 5):
        await store.fresh(10)
        await store.write(
            Put(a_task(f"{number}")),
            *(Put(a_message("0", text)) for text in ("one", "two")),
            Put(a_context("n1", f"{number}")),
            Put(a_boot_action(f"{number}")),
        )
    await here.write(Edit(Task, "0", lambda task: replace(task, retry=1)))
    await here.fresh(10)
    kinds = (Task, Message, BootAction)
    told = [(seq, [r for r in news if isinstance(r, kinds)]) for seq, news in told]
    for store in pair:
        await store.fresh(10)
        assert await read_all(store, 0) == told
        assert await read_all(store, 7) == told[7:]
        assert await read_all(store, store.seq) == []


async def test_what_was_trimmed_is_gone_and_the_rest_goes_on(pair):
    here, there = pair
    for number in range(6):
        await here.write(Put(a_task(f"{number}")))
    assert await here.backend.trim(0, 0) == 5
    past = there.past(2)
    await there.fresh(10)
    with pytest.raises(WritesGone) as gone:
        await asyncio.to_thread(past.read, there.seq)
    assert gone.value.next == 5
    assert [w.seq for w in await asyncio.to_thread(past.read, there.seq)] == [6]


async def test_of_a_task_that_was_removed_only_what_came_after_is_numbered_anew(pair):
    here, _ = pair
    await here.write(Put(a_task("a")), Put(a_message("a", "old")))
    await here.write(Remove(Task, "a"), Put(a_task("a")), Put(a_message("a", "new")))
    records = (await read_all(here, 0))[1][1]
    assert [(r.seq, r.message) for r in records if isinstance(r, Message)] == [(1, "new")]

import asyncio
from dataclasses import replace

import pytest

from drydockd.model import Action, Task
from drydockd.store.base import Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks import TaskRequest
from drydockd.tasks.schedule.pinning import PinnedDesigns, Unrunnable, pinned
from drydockd.tasks.words import records
from tests.tasks.helpers import OPS, SITE, Shelf, site_text


def a_task(**fields):
    return Task("t1", Action.NOOP, design_ref=SITE, caller=OPS, **fields)


async def test_a_design_is_fetched_for_the_caller_and_its_bytes_are_stored():
    store, shelf = MemoryStore(), Shelf(site=site_text())
    design = await PinnedDesigns(store, shelf).of(a_task())

    assert shelf.asked == [(SITE, "marker-1", "captain")]
    assert await store.blob(design.digest) == shelf.texts[SITE].encode()
    assert design.content == b""  # the store has it; a hundred tasks under way need not


async def test_a_task_without_a_caller_is_loaded_in_nobodys_name():
    shelf = Shelf(site=site_text())
    await PinnedDesigns(MemoryStore(), shelf).of(replace(a_task(), caller=None))

    assert shelf.asked == [(SITE, "", "")]


async def test_a_pinned_design_is_never_fetched_again():
    store, shelf = MemoryStore(), Shelf(site=site_text())
    designs = PinnedDesigns(store, shelf)
    task = pinned(a_task(), (await designs.of(a_task())).digest, ("n1",))
    shelf.texts.clear()

    assert (await designs.of(task)).digest == task.design
    assert len(shelf.asked) == 1


async def test_a_source_that_is_away_and_lost_bytes_make_a_task_unrunnable():
    designs = PinnedDesigns(MemoryStore(), Shelf())
    with pytest.raises(Unrunnable, match=r"The design cannot be loaded: .*nobody answers"):
        await designs.of(a_task())
    with pytest.raises(Unrunnable, match="cannot be resumed after the restart"):
        await designs.of(a_task(design="0" * 64))


async def test_a_source_that_never_answers_ends_at_the_limit_and_the_reference_is_named():
    shelf = Shelf(site=site_text())
    shelf.gate.clear()
    shelf.longest_load = 0.01
    task = Task("t1", Action.NOOP, design_ref="http://me:hidden@deckhand/site")
    with pytest.raises(Unrunnable) as failure:
        await PinnedDesigns(MemoryStore(), shelf).of(task)
    assert str(failure.value) == (
        "The design cannot be loaded: http://***@deckhand/site: not read within 0.01 s, the "
        "source does not answer"
    )


class Poison(Shelf):
    """Whose design ends the process that compiles it: what was written then is what is left."""

    left = None
    store = None

    async def compile(self, content, ref, *, owner="", watch=None):
        async with watch():
            Poison.left = self.store.task("t1")
            return await super().compile(content, ref)


async def test_a_task_under_which_the_process_died_three_times_is_failed_with_that_sentence():
    shelf = Poison(site=site_text())
    # As it was created: the first life began with it.
    task = records.top_level(TaskRequest(Action.NOOP, SITE), OPS)
    task = replace(task, task_id="t1")
    for lives in (2, 3):
        store = MemoryStore()
        await store.write(Put(task))
        shelf.store = store
        await PinnedDesigns(store, shelf).of(task, is_resumed=True)
        task = Poison.left
        assert task.lives == lives
    store = MemoryStore()
    await store.write(Put(task))
    with pytest.raises(Unrunnable, match="process ended 3 times while it compiled the design"):
        await PinnedDesigns(store, shelf).of(task, is_resumed=True)


async def test_a_life_that_compiled_the_design_or_was_stopped_properly_starts_the_count_anew():
    store, shelf = MemoryStore(), Shelf(site=site_text())
    await store.write(Put(a_task(lives=2)))
    await PinnedDesigns(store, shelf).of(store.task("t1"), is_resumed=True)
    assert store.task("t1").lives == 0
    assert pinned(a_task(lives=2), "digest", ()).lives == 0


async def test_designs_of_tasks_taken_up_again_are_compiled_one_at_a_time():
    store, at_once = MemoryStore(), []
    designs = PinnedDesigns(store, Shelf())

    async def compiled(name):
        async with designs._watched(name):
            at_once.append(sum(task.lives for task in store.tasks()))
            await asyncio.sleep(0)

    for name in ("t1", "t2", "t3"):
        await store.write(Put(replace(a_task(), task_id=name)))
    await asyncio.gather(*map(compiled, ("t1", "t2", "t3")))
    assert at_once == [1, 1, 1]


async def test_pinned_designs_are_read_a_few_at_a_time_owners_in_turn(monkeypatch):
    """After a restart every queued task came for its own at once, and held it while it waited."""
    store, shelf = MemoryStore(), Shelf(site=site_text())
    designs = PinnedDesigns(store, shelf)
    digest = (await designs.of(a_task())).digest
    held, most, done = [0], [0], []
    read, compiled = store.blob, shelf.compile

    async def reading(wanted):
        held[0] += 1
        most[0] = max(most[0], held[0])
        return await read(wanted)

    async def compiling(*given, owner, **how):
        await asyncio.sleep(0)
        held[0] -= 1
        done.append(owner)
        return await compiled(*given, owner=owner, **how)

    monkeypatch.setattr(store, "blob", reading)
    monkeypatch.setattr(shelf, "compile", compiling)
    crowd = [replace(a_task(design=digest), task_id=f"t{n}") for n in range(20)]
    other = replace(crowd[0], task_id="other", caller=replace(OPS, user="other"))
    await asyncio.gather(*map(designs.of, [*crowd, other]))
    assert most[0] <= 2
    assert done.index("other") < 5

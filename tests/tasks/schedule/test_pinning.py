from dataclasses import replace

import pytest

from drydockd.model import Action, Task
from drydockd.store.memory import MemoryStore
from drydockd.tasks.schedule.pinning import PinnedDesigns, Unrunnable, pinned
from tests.tasks.helpers import OPS, SITE, Shelf, site_text


def a_task(**fields):
    return Task("t1", Action.NOOP, design_ref=SITE, caller=OPS, **fields)


async def test_a_design_is_fetched_for_the_caller_and_its_bytes_are_stored():
    store, shelf = MemoryStore(), Shelf(site=site_text())
    design = await PinnedDesigns(store, shelf).of(a_task())

    assert shelf.asked == [(SITE, "marker-1", "captain")]
    assert await store.blob(design.digest) == design.content


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

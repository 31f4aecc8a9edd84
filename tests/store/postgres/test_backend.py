"""Two stores on one database are one store: order, contents and what watchers are told."""

import asyncio
import random
import threading
from dataclasses import replace

import pytest

from drydockd.errors import Conflict, Fenced, NotFound, StoreUnavailable
from drydockd.model import Action, BootAction, BootActionStatus, DriverRecord, Message, Task
from drydockd.store import Edit, Epoch, Put, Remove
from drydockd.store.base import Say
from drydockd.store.news import Wording
from drydockd.store.postgres.feed import Feed
from tests.store.helpers import (
    COMPLETE,
    RUNNING,
    TUESDAY,
    a_boot_action,
    a_message,
    a_task,
    everything,
    on_database,
    some_data,
)


def count(task):
    return replace(task, retry=task.retry + 1)


async def test_a_store_that_cannot_be_opened_after_all_leaves_no_thread(shared, monkeypatch):
    async def lost(feed):
        raise ConnectionResetError("the connection was lost")

    monkeypatch.setattr(Feed, "listen", lost)
    before = set(threading.enumerate())
    with pytest.raises(StoreUnavailable, match="lost"):
        await on_database(shared)
    left = set(threading.enumerate()) - before
    assert [thread.name for thread in left if thread.name.startswith("drydock-side")] == []


async def test_what_one_wrote_the_other_shows_after_it_asked(pair):
    here, there = pair
    for number in range(20):
        await here.write(Put(a_task(f"{number}")))
        await there.fresh(10)
        assert there.task(f"{number}")
    assert (here.seq, here.origin) == (there.seq, there.origin)


async def test_what_one_wrote_the_others_watchers_hear_without_asking(pair):
    here, there = pair
    heard = asyncio.Event()
    there.watch(lambda seq, news: heard.set())
    await here.write(Put(a_task("a")))
    async with asyncio.timeout(10):
        await heard.wait()
    assert there.task("a")


async def test_no_edit_of_two_is_lost(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    edits = [store.write(Edit(Task, "a", count)) for store in pair for _ in range(30)]
    await asyncio.gather(*edits)
    for store in pair:
        await store.fresh(10)
        assert store.task("a").retry == 60
    assert here.seq == there.seq == 61


async def test_a_refusal_holds_on_the_newest_value_wherever_it_was_written(pair):
    here, there = pair
    await here.write(Put(a_task("a")), Put(a_boot_action("A")))
    await there.write(Put(a_message("a", "not known here yet")))
    with pytest.raises(Conflict):
        await there.write(
            Put(a_boot_action("A", status=BootActionStatus.FAILURE)),
            Edit(Task, "a", lambda task: replace(task, terminate=True)),
            Edit(Task, "a", lambda task: replace(task, terminate=False)),
        )
    finished = Edit(BootAction, "A", lambda old: replace(old, status=BootActionStatus.SUCCESS))
    failed = Edit(BootAction, "A", lambda old: replace(old, status=BootActionStatus.FAILURE))
    outcomes = await asyncio.gather(
        here.write(finished), there.write(failed), return_exceptions=True
    )
    assert sorted(map(type, outcomes), key=str) == sorted([type(None), Conflict], key=str)
    await here.fresh(10)
    await there.fresh(10)
    assert here.boot_action("A") == there.boot_action("A")


async def test_an_edit_that_changes_nothing_does_so_on_the_newest_value(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    finish = Edit(
        Task, "a", lambda task: replace(task, retry=9) if task.status is COMPLETE else task
    )
    await here.write(Edit(Task, "a", lambda task: replace(task, status=COMPLETE)))
    await there.write(finish)
    assert there.task("a").retry == 9


async def test_a_message_of_a_task_removed_elsewhere_is_not_found(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    await here.write(Remove(Task, "a"))
    with pytest.raises(NotFound):
        await there.write(Put(a_message("a")))
    with pytest.raises(NotFound):
        there.task("a")


async def test_messages_of_both_are_numbered_as_they_landed(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    said = [
        store.write(Put(Message("a", f"{name} {number}")))
        for number in range(40)
        for name, store in zip("ht", pair, strict=True)
    ]
    await asyncio.gather(*said)
    await here.fresh(10)
    await there.fresh(10)
    assert here.messages("a") == there.messages("a")
    assert [message.seq for message in here.messages("a")] == list(range(1, 81))
    for name in "ht":
        mine = [m.message for m in here.messages("a") if m.message.startswith(name)]
        assert mine == [f"{name} {number}" for number in range(40)]


@pytest.mark.parametrize("seed", range(4))
async def test_both_tell_and_hold_the_same_whatever_is_written_at_once(pair, shared, seed):
    are_removed = seed % 2 == 0
    told = [[], []]
    for store, mine in zip(pair, told, strict=True):
        store.watch(lambda seq, news, mine=mine: mine.append((seq, list(news))))
    await pair[0].write(*(Put(a_task(f"t{n}")) for n in range(4)))
    wording = Wording([Message("", "one"), Message("", "two", error=True)])
    rng = random.Random(seed)

    def change():
        task_id = f"t{rng.randrange(4)}"
        return rng.choice(
            [
                Put(a_message(task_id, "put")),
                Say(task_id, wording),
                Edit(Task, task_id, count),
                Put(a_task(task_id, action=Action.NOOP)),
                Put(a_task(f"{rng.random()}", parent_task_id=task_id)),
                Remove(Task, task_id) if are_removed else Put(a_message(task_id)),
                Put(some_data(f"{rng.randrange(5)}", "x" * rng.choice([10, 5000]))),
                Put(DriverRecord(f"d/{rng.randrange(3)}", "d", {"n": rng.random()})),
                Remove(DriverRecord, f"d/{rng.randrange(3)}"),
            ]
        )

    async def writer(store):
        refused = 0
        for _ in range(25):
            try:
                await store.write(*(change() for _ in range(rng.randrange(1, 5))))
            except (Conflict, NotFound):
                refused += 1
        return refused

    await asyncio.gather(*(writer(store) for store in pair for _ in range(4)))
    for store in pair:
        await store.fresh(10)
    here, there = pair
    without_elements = [
        [(seq, [strip(record) for record in news]) for seq, news in mine] for mine in told
    ]
    if not are_removed:
        # What was said of a task that is gone is not told any more.
        assert without_elements[0] == without_elements[1]
    assert everything(here) == everything(there)
    late = await on_database(shared, "late")
    assert everything(late) == everything(here)
    assert late.seq == here.seq == there.seq
    for task in here.tasks():
        assert late.messages(task.task_id) == here.messages(task.task_id)
        if task.parent_task_id is None:
            arrivals = {store.arrival(task.task_id) for store in (here, there, late)}
            assert len(arrivals) == 1
    assert late.unfinished() == here.unfinished() == there.unfinished()
    assert late.driver_records("d") == here.driver_records("d")
    await late.close()


def strip(record):
    return replace(record, data_element="") if hasattr(record, "data_element") else record


@pytest.mark.parametrize("writes_too", [False, True], ids=["reads", "writes"])
async def test_who_was_cut_off_for_too_long_reads_all_again(pair, writes_too):
    here, there = pair
    await here.write(*(Put(a_task(name)) for name in ("stays", "goes", "comes back")))
    await here.write(Put(a_message("stays", "1")), Put(a_message("comes back", "old")))
    await there.fresh(10)
    told = []
    there.watch(lambda seq, news: told.append((seq, list(news))))
    replica, going_on = there.backend._replica, asyncio.Event()
    catch_up = replica.catch_up

    async def stand_still(connection):
        await going_on.wait()
        await catch_up(connection)

    replica.catch_up = stand_still
    await here.write(Remove(Task, "goes"), Remove(Task, "comes back"))
    await here.write(Put(a_task("comes back")), Put(a_message("comes back", "new")))
    await here.write(Edit(Task, "stays", count), Put(a_message("stays", "2")))
    await here.write(Put(a_task("last")), Put(some_data("1")))
    assert await here.backend.trim(0, 0) == here.seq - 1
    writing = asyncio.ensure_future(
        there.write(Edit(Task, "stays", count)) if writes_too else asyncio.sleep(0)
    )
    await asyncio.sleep(0)
    going_on.set()
    await writing
    await there.fresh(10)
    await here.fresh(10)
    assert everything(there) == everything(here)
    assert (there.seq, there.unfinished()) == (here.seq, here.unfinished())
    seq, news = told[0]
    assert seq == here.seq - writes_too
    assert {m.message for m in news if isinstance(m, Message)} == {"new", "2"}
    assert {t.task_id for t in news if isinstance(t, Task)} == {"stays", "comes back", "last"}


async def test_what_one_put_as_a_blob_the_other_reads(pair):
    here, there = pair
    digest = await here.put_blob(b"design")
    assert await there.blob(digest) == b"design"
    await here.write(Put(some_data("1", "x" * 5000)))
    await there.fresh(10)
    assert there.build_data()[0].data_element == "x" * 5000


async def test_a_guarded_write_needs_the_lease_of_its_epoch(pair, shared):
    here, there = pair
    with pytest.raises(Fenced):
        await here.write(Put(a_task("a")), guard=Epoch(1))
    holder = here.backend.member_id
    shared.run(f"UPDATE drydock.lease SET holder = {holder}, epoch = 1, until = 'infinity'")
    await here.write(Put(a_task("a")), guard=Epoch(1))
    for store, epoch in ((here, 2), (there, 1)):
        with pytest.raises(Fenced):
            await store.write(Put(a_task("b")), guard=Epoch(epoch))
    written = [
        here.write(Put(a_task("c"))),
        here.write(Put(a_task("d")), guard=Epoch(1)),
        here.write(Put(a_task("e")), guard=Epoch(2)),
        here.write(Put(a_task("f"))),
        here.write(Put(a_task("g")), guard=Epoch(1)),
    ]
    outcomes = await asyncio.gather(*written, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [
        *(type(None), type(None), Fenced, type(None), type(None))
    ]
    await there.fresh(10)
    assert {task.task_id for task in there.tasks()} == set("acdfg")


async def test_a_purge_goes_on_beside_the_writes_of_another(pair):
    here, there = pair
    await here.write(
        Put(a_task("busy")),
        *(Put(a_task(f"{n}", status=COMPLETE)) for n in range(600)),
    )
    await there.fresh(10)
    purge = asyncio.ensure_future(here.purge_tasks(before=TUESDAY))
    while not purge.done():
        await there.write(Edit(Task, "busy", count))
    assert (await purge).tasks == 600
    await there.fresh(10)
    assert [task.task_id for task in there.tasks()] == ["busy"]


async def test_a_tree_opened_elsewhere_is_not_purged(pair):
    here, there = pair
    await here.write(Put(a_task("a", status=COMPLETE)))
    await there.fresh(10)
    await here.write(Remove(Task, "a"))
    await here.write(Put(a_task("a", status=RUNNING)))
    assert (await there.purge_tasks(before=TUESDAY)).tasks == 0
    await here.fresh(10)
    assert here.task("a").status is RUNNING


async def test_a_key_that_the_database_cannot_hold_is_refused_and_nobody_elses_write(pair):
    here, _ = pair
    outcomes = await asyncio.gather(
        here.write(Put(a_task("a"))),
        here.write(Put(a_task("a\0b"))),
        here.write(Put(a_task("c")), Put(a_message("c", "nul \0 in a text is fine"))),
        return_exceptions=True,
    )
    assert outcomes[0] is outcomes[2] is None
    assert "U+0000" in str(outcomes[1])
    assert [task.task_id for task in here.tasks()] == ["a", "c"]


async def test_after_the_end_writes_are_refused_and_what_was_written_stays(shared):
    store = await on_database(shared)
    writes = [asyncio.ensure_future(store.write(Put(a_task(f"{n}")))) for n in range(20)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*writes)
    with pytest.raises(StoreUnavailable):
        await store.write(Put(a_task("late")))
    again = await on_database(shared)
    assert len(again.tasks()) == 20
    await again.close()


async def test_health_is_an_error_while_the_database_is_away(shared):
    store = await on_database(shared)
    assert store.health().error is None
    assert store.silent_seconds() < 10
    await store.close()

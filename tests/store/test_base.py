"""The contract of every backend: what base.Store promises."""

import asyncio
import hashlib
import itertools
from dataclasses import replace
from functools import partial

import pytest

from drydockd.errors import Conflict, InvalidInput, NotFound, StoreUnavailable
from drydockd.model import (
    Action,
    BootAction,
    BootActionStatus,
    BootContext,
    BuildData,
    DriverRecord,
    Intent,
    Link,
    Message,
    Pin,
    Result,
    ResultStatus,
    Task,
    TaskStatus,
)
from drydockd.store import Edit, Purged, Put, Remove, open_store
from tests.store.helpers import (
    COMPLETE,
    MONDAY,
    QUEUED,
    RUNNING,
    TUESDAY,
    a_boot_action,
    a_context,
    a_message,
    a_task,
    some_data,
    swept,
)


def finish(task: Task) -> Task:
    return replace(task, status=COMPLETE)


async def test_a_written_record_is_read_back(store):
    task = a_task("a", node_filter={"filter_set": []}, scope=("n1", "n2"))
    await store.write(Put(task))
    assert store.task("a") == task


async def test_what_is_not_there_is_not_found(store):
    for read in (store.task, store.boot_context, store.boot_action):
        with pytest.raises(NotFound):
            read("nobody")
    with pytest.raises(NotFound):
        await store.blob("0" * 64)


async def test_an_edit_replaces_the_newest_value(store):
    await store.write(Put(a_task("a")))
    await asyncio.gather(
        *(
            store.write(Edit(Task, "a", lambda task: replace(task, retry=task.retry + 1)))
            for _ in range(50)
        )
    )
    assert store.task("a").retry == 50


async def test_an_edit_of_nothing_is_not_found(store):
    with pytest.raises(NotFound, match="nobody"):
        await store.write(Edit(Task, "nobody", finish))


async def test_an_edit_that_returns_its_argument_changes_nothing(store):
    await store.write(Put(a_task("a")))
    told = []
    store.watch(lambda *news: told.append(news))
    await store.write(Edit(Task, "a", lambda task: task))
    assert told == []


async def test_an_edit_must_not_change_the_key(store):
    await store.write(Put(a_task("a")))
    with pytest.raises(TypeError):
        await store.write(Edit(Task, "a", lambda task: replace(task, task_id="b")))


async def test_a_write_that_is_refused_half_way_changes_nothing(store):
    await store.write(Put(a_task("a", status=COMPLETE)))
    with pytest.raises(Conflict):
        await store.write(
            Put(a_task("b")),
            Put(a_message("a")),
            Edit(Task, "a", lambda task: replace(task, status=RUNNING)),
        )
    assert [task.task_id for task in store.tasks()] == ["a"]
    assert store.messages("a") == []


async def test_an_edit_may_raise_and_then_nothing_is_changed(store):
    await store.write(Put(a_task("a")))

    def refuse(task):
        raise Conflict("not now")

    with pytest.raises(Conflict, match="not now"):
        await store.write(Put(a_task("b")), Edit(Task, "a", refuse))
    assert len(store.tasks()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": RUNNING},
        {"result": Result(ResultStatus.FAILURE)},
        {"scope": ("n9",)},
        {"terminated": TUESDAY},
        {"terminated_by": "me"},
        {"terminate": True},
        {"retried_by": ()},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_final_task_stays_as_it_is(store, change):
    await store.write(Put(a_task("a", status=COMPLETE, retried_by=("r",))))
    with pytest.raises(Conflict, match="a is complete"):
        await store.write(Edit(Task, "a", lambda task: replace(task, **change)))
    with pytest.raises(Conflict, match="a is complete"):
        await store.write(Put(replace(store.task("a"), **change)))


async def test_a_final_task_may_get_retries_and_links(store):
    await store.write(Put(a_task("a", status=COMPLETE)))
    link = Link("detail_logs", "http://x")

    def grow(task):
        return replace(task, retried_by=("r",), result=replace(task.result, links=(link,)))

    await store.write(Edit(Task, "a", grow))
    assert store.task("a").retried_by == ("r",)
    assert store.task("a").result.links == (link,)
    with pytest.raises(Conflict, match="links"):
        await store.write(
            Edit(Task, "a", lambda task: replace(task, result=replace(task.result, links=())))
        )


async def test_a_termination_once_requested_stays_requested(store):
    await store.write(Put(a_task("a", status=RUNNING, terminate=True)))
    with pytest.raises(Conflict, match="termination"):
        await store.write(Edit(Task, "a", lambda task: replace(task, terminate=False)))


async def test_of_two_finalisations_of_a_boot_action_exactly_one_succeeds(store):
    await store.write(Put(a_boot_action("A1")))

    def to(status):
        return Edit(BootAction, "A1", lambda action: replace(action, status=status))

    outcomes = await asyncio.gather(
        store.write(to(BootActionStatus.SUCCESS)),
        store.write(to(BootActionStatus.FAILURE)),
        return_exceptions=True,
    )
    assert outcomes[0] is None
    assert isinstance(outcomes[1], Conflict)
    assert store.boot_action("A1").status is BootActionStatus.SUCCESS


@pytest.mark.parametrize("status", [BootActionStatus.SUCCESS, BootActionStatus.UNREPORTED])
async def test_a_final_boot_action_may_only_be_closed(store, status):
    await store.write(Put(a_boot_action("A1", status=status)))
    await store.write(Edit(BootAction, "A1", lambda action: replace(action, closed=TUESDAY)))
    with pytest.raises(Conflict, match="A1 is already"):
        await store.write(Edit(BootAction, "A1", lambda action: replace(action, name="x")))


async def test_messages_are_numbered_per_task_and_stamped(store):
    await store.write(Put(a_task("a")), Put(a_task("b")))
    await store.write(Put(a_message("a", "one")), Put(a_message("b")), Put(a_message("a", "two")))
    await store.write(Put(Message("a", "three", error=True, extra={"retry": True})))
    first, second, third = store.messages("a")
    assert [m.seq for m in (first, second, third)] == [1, 2, 3]
    assert (third.message, third.error, third.extra) == ("three", True, {"retry": True})
    assert third.ts > "2026"
    unstamped = [Put(Message("b", "together", ts=ts)) for ts in ("", "", "2025")]
    await store.write(*unstamped)
    moments = [message.ts for message in store.messages("b", after=1)]
    assert (moments[0], moments[2]) == (moments[1], "2025")
    assert store.messages("a", after=2) == [third]
    assert store.messages("a", after=1, limit=1) == [second]
    assert store.messages("a", limit=2) == [first, second]
    assert (store.message_count("a"), store.message_count("nobody")) == (3, 0)
    assert (store.error_count("a"), store.error_count("b")) == (1, 0)


async def test_concurrent_messages_get_numbers_without_gaps(store):
    await store.write(Put(a_task("a")))
    await asyncio.gather(*(store.write(Put(a_message("a", str(n)))) for n in range(100)))
    assert [int(m.message) for m in store.messages("a")] == list(range(100))
    assert [m.seq for m in store.messages("a")] == list(range(1, 101))


async def test_a_message_needs_its_task(store):
    with pytest.raises(NotFound, match="no task a"):
        await store.write(Put(a_message("a")))
    await store.write(Put(a_message("a")), Put(a_task("a")))
    assert len(store.messages("a")) == 1


async def test_what_json_cannot_hold_is_invalid_input(store):
    await store.write(Put(a_task("a")))
    for extra in ({"x": object()}, {"x": 1 << 70}, {"x": "\ud800"}):
        with pytest.raises(InvalidInput, match="cannot be stored"):
            await store.write(Put(a_message("a", extra=extra)))
    assert store.messages("a") == []


async def test_removing_a_task_removes_its_messages_and_their_numbers(store):
    await store.write(Put(a_task("a")), Put(a_message("a", error=True)))
    await store.write(Remove(Task, "a"), Put(a_task("a")), Put(a_message("a", "new")))
    assert [(m.seq, m.message) for m in store.messages("a")] == [(1, "new")]
    await store.write(Remove(Task, "a"), Remove(Task, "a"))
    assert store.tasks() == []
    assert store.messages("a") == []
    assert store.error_count("a") == 0


async def test_tasks_are_listed_by_creation_and_by_page(store):
    await store.write(Put(a_task("c")), Put(a_task("b")), Put(a_task("z", created="2025")))
    assert [t.task_id for t in store.tasks()] == ["z", "b", "c"]
    assert [t.task_id for t in store.tasks(limit=2)] == ["z", "b"]
    assert [t.task_id for t in store.tasks(after="b")] == ["c"]
    assert store.tasks(limit=0) == []
    with pytest.raises(NotFound):
        store.tasks(after="nobody")


async def test_tasks_are_found_by_status_action_and_node(store):
    await store.write(
        Put(a_task("a", scope=("n1",))),
        Put(a_task("b", scope=("n1", "n2"), status=RUNNING)),
        Put(a_task("c", action=Action.NOOP, status=RUNNING)),
    )
    await store.write(Edit(Task, "a", lambda task: replace(task, scope=("n2",), status=RUNNING)))

    def found(**query):
        return [task.task_id for task in store.tasks(**query)]

    assert found(status=RUNNING) == ["a", "b", "c"]
    assert found(status=QUEUED) == []
    assert found(action=Action.NOOP) == ["c"]
    assert found(node="n1") == ["b"]
    assert found(node="n2", status=RUNNING, action=Action.DEPLOY_NODES) == ["a", "b"]
    assert found(node="n2", after="a") == ["b"]
    assert found(node="nowhere") == []


def names(slices) -> list[str]:
    return [task.task_id for some in slices for task in some]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"status": QUEUED},
        {"action": Action.NOOP},
        {"node": "n1"},
        {"node": "n1", "status": RUNNING},
        {"after": "0700"},
        {"after": "0700", "limit": 600, "status": QUEUED},
        {"limit": 0},
    ],
    ids=str,
)
async def test_a_walk_finds_what_a_list_does_in_slices(store, query):
    kinds = itertools.cycle(
        {"action": action, "scope": scope, "status": status}
        for action in (Action.NOOP, Action.DEPLOY_NODES)
        for scope in ((), ("n1",), ("n2", "n1"))
        for status in (QUEUED, RUNNING)
    )
    await store.write(*(Put(a_task(f"{n:04}", **next(kinds))) for n in range(2000)))
    slices = list(store.walk_tasks(**query))
    assert names(slices) == [task.task_id for task in store.tasks(**query)]
    assert all(len(some) <= 512 for some in slices)
    with pytest.raises(NotFound):
        store.walk_tasks(after="nobody")


async def test_a_walk_may_begin_with_the_newest_and_leave_subtasks_out(store):
    tops = [f"{n:04}" for n in range(0, 1500, 3)]
    await store.write(
        *(
            Put(a_task(f"{n:04}", parent_task_id=None if n % 3 == 0 else "0000", scope=("n1",)))
            for n in range(1500)
        )
    )
    for query in ({}, {"node": "n1"}):
        walk = partial(store.walk_tasks, top_level=True, newest_first=True, **query)
        assert names(walk()) == tops[::-1]
        assert names(walk(limit=2)) == ["1497", "1494"]
        assert names(walk(after="0004")) == ["0003", "0000"]
    assert names(store.walk_tasks(top_level=True)) == tops


async def test_a_walk_goes_on_where_it_was_whatever_is_written_and_removed_meanwhile(store):
    await store.write(*(Put(a_task(f"{n:04}", scope=("n1",))) for n in range(2000)))
    for query in ({}, {"node": "n1"}):
        walk, found, extra = store.walk_tasks(**query), [], set()
        for some in walk:
            found += [task.task_id for task in some]
            at = int(found[-1][:4])
            if at > 1900:
                continue
            extra |= {f"{at:04}", f"{at + 9:04}", f"{at + 5:04}-new", f"{at - 5:04}-new"}
            await store.write(
                Remove(Task, f"{at:04}"),
                Remove(Task, f"{at + 9:04}"),
                Put(a_task(f"{at + 5:04}-new", scope=("n1",))),
                Put(a_task(f"{at - 5:04}-new", scope=("n1",))),
                Edit(Task, f"{at - 7:04}", lambda task: replace(task, retry=task.retry + 1)),
                Edit(Task, f"{at + 7:04}", lambda task: replace(task, retry=task.retry + 1)),
            )
        assert len(found) == len(set(found))
        assert found == sorted(found)
        assert {task.task_id for task in store.tasks()} - extra <= set(found)
        assert any(name.endswith("-new") for name in found)


async def test_a_walk_survives_that_all_of_its_index_goes_and_comes_back(store):
    await store.write(*(Put(a_task(f"{n:04}", scope=("n1",))) for n in range(600)))
    walk = store.walk_tasks(node="n1")
    assert len(next(walk)) == 512
    await store.write(*(Remove(Task, f"{n:04}") for n in range(600)))
    await store.write(Put(a_task("0599", scope=("n1",))), Put(a_task("0001", scope=("n1",))))
    assert names(walk) == ["0599"]


async def test_unfinished_are_the_top_level_tasks_that_are_not_final(store):
    await store.write(
        Put(a_task("old", created="2025", status=RUNNING)),
        Put(a_task("new")),
        Put(a_task("done", status=COMPLETE)),
        Put(a_task("child", parent_task_id="new", status=RUNNING)),
    )
    assert {t.task_id for t in store.unfinished()} == {"old", "new"}
    await store.write(Edit(Task, "old", finish))
    assert [t.task_id for t in store.unfinished()] == ["new"]


async def test_unfinished_tasks_come_as_they_arrived_whatever_the_clock_said(store):
    for task_id, created in (("b", "2026"), ("a", "2025"), ("c", "2024"), ("d", "2025")):
        await store.write(Put(a_task(task_id, created=created)))
    await store.write(Edit(Task, "b", lambda task: replace(task, created="2027", status=RUNNING)))
    await store.write(Remove(Task, "a"))
    await store.write(Put(a_task("a", created="2025")))
    assert [t.task_id for t in store.unfinished()] == ["b", "c", "d", "a"]
    arrivals = [store.arrival(task.task_id) for task in store.unfinished()]
    assert arrivals == sorted(set(arrivals))
    assert arrivals[-1] == store.seq


async def test_an_arrival_is_the_number_of_the_write_and_only_top_level_tasks_have_one(store):
    await store.write(Put(a_task("a")), Put(a_task("kid", parent_task_id="a")))
    came = store.seq
    await store.write(Edit(Task, "a", finish), Put(a_message("a")))
    assert store.arrival("a") == came == store.seq - 1
    for task_id in ("kid", "nobody"):
        with pytest.raises(NotFound):
            store.arrival(task_id)
    await store.write(Remove(Task, "a"))
    with pytest.raises(NotFound):
        store.arrival("a")


async def test_the_number_grows_by_one_with_each_write_and_with_none_that_changed_nothing(store):
    seqs = []
    store.watch(lambda seq, records: seqs.append((seq, store.seq)))
    before = store.seq
    await store.write(Put(a_task("a", status=COMPLETE)))
    with pytest.raises(Conflict):
        await store.write(Edit(Task, "a", lambda task: replace(task, status=RUNNING)))
    await store.write(Remove(Task, "nobody"))
    await store.write()
    await asyncio.gather(*(store.write(Put(a_message("a"))) for _ in range(5)))
    assert seqs == [(before + number, before + number) for number in range(1, 7)]


async def test_subtasks_come_in_creation_order(store):
    await store.write(
        Put(a_task("p")),
        Put(a_task("z", parent_task_id="p")),
        Put(a_task("a", parent_task_id="p")),
        Put(a_task("0", parent_task_id="p", created="2025")),
    )
    assert [t.task_id for t in store.subtasks("p")] == ["0", "z", "a"]
    assert store.subtasks("z") == []


async def test_a_node_has_one_boot_context_the_latest(store):
    await store.write(Put(a_context("n1", "c1")))
    await store.write(Put(a_context("n1", "c2", delivered={"units": MONDAY})))
    assert store.boot_context("n1").context_id == "c2"
    await store.write(Edit(BootContext, "n1", lambda context: replace(context, closed=TUESDAY)))
    assert store.boot_context("n1").closed == TUESDAY
    await store.write(Remove(BootContext, "n1"))
    with pytest.raises(NotFound):
        store.boot_context("n1")


async def test_boot_actions_are_found_by_node_and_context(store):
    await store.write(
        Put(a_boot_action("B", context_id="c1")),
        Put(a_boot_action("A", context_id="c1")),
        Put(a_boot_action("C", context_id="c2")),
        Put(a_boot_action("D", node="n2")),
    )
    await store.write(Edit(BootAction, "B", lambda action: replace(action, updated=TUESDAY)))
    assert [a.action_id for a in store.boot_actions("n1", context_id="c1")] == ["B", "A"]
    assert {a.action_id for a in store.boot_actions("n1")} == {"A", "B", "C"}
    assert store.boot_actions("n1", context_id="nowhere") == []
    await store.write(Remove(BootAction, "D"))
    assert store.boot_actions("n2") == []


async def test_intents_are_kept_per_task_in_opening_order(store):
    late = Intent("t/n1/wipe", "t", "n1", "wipe", TUESDAY)
    early = Intent("t/n2/wipe", "t", "n2", "wipe", MONDAY)
    await store.write(Put(late), Put(early))
    assert store.intents("t") == [early, late]
    await store.write(Edit(Intent, late.key, lambda intent: replace(intent, closed=TUESDAY)))
    assert [intent.closed for intent in store.intents("t")] == [None, TUESDAY]
    await store.write(Remove(Intent, early.key))
    assert len(store.intents("t")) == 1


async def test_records_of_drivers_are_kept_apart(store):
    mine = DriverRecord("netboot/a", "netboot", {"state": "new"})
    await store.write(Put(mine), Put(DriverRecord("maas/a", "maas", {})))
    assert store.driver_records("netboot") == [mine]
    await store.write(
        Edit(DriverRecord, mine.key, lambda old: replace(old, document={"state": "ready"}))
    )
    assert [record.document for record in store.driver_records("netboot")] == [{"state": "ready"}]
    await store.write(Remove(DriverRecord, mine.key))
    assert store.driver_records("netboot") == []


async def is_kept(store, digest):
    try:
        await store.blob(digest)
    except NotFound:
        return False
    return True


async def test_a_blob_stays_while_a_driver_names_it(store):
    digest = await store.put_blob(b"an inventory")
    await store.write(Put(DriverRecord("d/a", "d", {}, digest)))
    await store.write(Put(DriverRecord("d/a", "d", {"x": 1}, digest)))
    assert await store.blob(digest) == b"an inventory"
    await store.write(Put(DriverRecord("d/a", "d", {"x": 1})))
    await swept(store)
    async with asyncio.timeout(10):
        # A thread removes it, and says nothing.
        while await is_kept(store, digest):
            await asyncio.sleep(0.01)


async def test_build_data_comes_newest_first(store):
    await store.write(
        Put(some_data("1", "old")),
        Put(some_data("2", "new", collected=TUESDAY)),
        Put(some_data("3", "lldp", generator="lldp")),
        Put(some_data("4", "other", node="n2", task_id="u")),
        Put(some_data("5", "tie", collected=TUESDAY)),
    )

    def found(**query):
        return [data.data_element for data in store.build_data(**query)]

    assert found(node="n1") == ["lldp", "tie", "new", "old"]
    assert found(node="n1", latest=True) == ["lldp", "tie"]
    assert found(latest=True) == ["lldp", "tie", "other"]
    assert found(task_id="u") == ["other"]
    assert found(task_id="t", node="n2") == []
    assert found(task_id="t", latest=True) == ["lldp", "tie"]
    await store.write(Remove(BuildData, "5"))
    assert found(node="n1", latest=True) == ["lldp", "new"]


async def test_build_data_gets_an_id_and_keeps_long_elements(store):
    long = "ü" * 4096
    await store.write(Put(some_data("", long)), Put(some_data("", "short")))
    found = store.build_data(node="n1")
    assert [data.data_element for data in found] == ["short", long]
    assert len({data.build_data_id for data in found}) == 2
    assert await asyncio.to_thread(store.build_data, latest=True) == found[:1]


async def test_a_blob_is_what_its_digest_says(store):
    digest = await store.put_blob(b"design")
    assert digest == hashlib.sha256(b"design").hexdigest()
    assert await store.blob(digest) == b"design"
    assert await store.put_blob(b"design") == digest


async def test_a_blob_that_is_known_is_named_by_its_digest_and_not_looked_at(store, monkeypatch):
    digest = await store.put_blob(b"design", hashlib.sha256(b"design").hexdigest())
    await store.write(Put(a_task("a", design=digest)))

    async def asked(*_):
        raise AssertionError("the backend was asked to put what it has")

    with monkeypatch.context() as patch:
        patch.setattr(store.backend, "put_blob", asked)
        assert await store.put_blob(b"not looked at", digest) == digest
    # It counts as put again, and once swept it is written anew.
    await store.write(Remove(Task, "a"))
    assert await store.blob(digest) == b"design"
    await store.write(Put(a_task("b", design=digest)))
    await store.write(Remove(Task, "b"))
    await store.write(Put(a_task("barrier")))
    await swept(store)
    assert await store.put_blob(b"design", digest) == digest
    assert await store.blob(digest) == b"design"


async def test_a_blob_goes_with_the_last_record_that_names_it(store):
    digest = await store.put_blob(b"design")
    await store.write(Put(a_task("a", design=digest)), Put(a_context("n1", "c", design=digest)))
    await store.write(Remove(Task, "a"))
    assert await store.blob(digest) == b"design"
    await store.write(Remove(BootContext, "n1"))
    await store.write(Put(a_task("barrier")))
    await swept(store)
    with pytest.raises(NotFound):
        await store.blob(digest)


def a_pin(*parts, asset="act/0", packed=10):
    return Pin(asset, "s" * 64, 20, 7, packed, parts)


async def test_pins_are_kept_over_a_restart_with_their_blobs_and_counted_once(tmp_path):
    store = await open_store("tiny", tmp_path / "state")
    one = await store.put_blob(b"one")
    two = await store.put_blob(b"two")
    pins = (a_pin(one, two, one), a_pin(one, two, one, asset="act/1"), a_pin(two, packed=3))
    await store.write(Put(a_context("n1", "c1", pins=pins, failed={"units": "why"})))
    await store.write(Put(a_context("n2", "c2", pins=pins[:1])))
    for _ in range(2):
        await store.close()
        store = await open_store("tiny", tmp_path / "state")
        context = store.boot_context("n1")
        assert (context.pins, context.failed) == (pins, {"units": "why"})
        assert store.health().pinned_bytes == 13
        assert await store.blob(one) == b"one"
    await store.write(Edit(BootContext, "n1", lambda c: replace(c, pins=())))
    assert store.health().pinned_bytes == 10
    await store.write(Remove(BootContext, "n2"))
    assert store.health().pinned_bytes == 0
    assert {c.node for c in store.boot_contexts()} == {"n1"}
    await store.close()


async def test_a_kept_blob_outlives_one_record_for_the_next(store):
    digest = await store.put_blob(b"source")
    assert store.keep_blob(digest)
    await store.write(Put(a_context("n1", "c1", pins=(a_pin(digest),))))
    await store.write(Put(a_context("n1", "c2")))
    assert await store.blob(digest) == b"source"
    await store.write(Put(a_context("n2", "c3", pins=(a_pin(digest),))))
    await store.write(Put(a_context("n2", "c4")))
    await swept(store)
    assert not store.keep_blob(digest)


async def test_a_blob_that_is_dropped_goes_unless_a_record_names_it(store):
    digest = await store.put_blob(b"source")
    store.drop_blob(digest)
    await swept(store)
    assert not store.keep_blob(digest)
    digest = await store.put_blob(b"source")
    assert store.keep_blob(digest)
    await store.write(Put(a_context("n1", "c1", pins=(a_pin(digest),))))
    store.drop_blob(digest)
    assert await store.blob(digest) == b"source"


async def test_the_next_deployment_takes_its_hold_also_of_what_the_one_before_named(store):
    digest = await store.put_blob(b"source")
    await store.write(Put(a_context("n1", "c1", pins=(a_pin(digest),))))
    await store.put_blob(b"source", digest)
    await store.write(Put(a_context("n1", "c2", pins=(a_pin(digest),))))
    await store.write(Put(a_context("n1", "c3")))
    await swept(store)
    assert not store.keep_blob(digest)


async def test_a_blob_put_again_outlives_the_record_that_named_it_before(store):
    digest = await store.put_blob(b"design")
    await store.write(Put(a_task("a", design=digest)))
    await store.put_blob(b"design")
    await store.write(Remove(Task, "a"))
    await store.write(Put(a_task("b", design=digest)))
    assert await store.blob(digest) == b"design"


async def test_a_long_element_goes_with_its_record_but_not_with_its_twin(store):
    await store.write(Put(some_data("1", "x" * 5000)), Put(some_data("2", "x" * 5000)))
    await store.write(Remove(BuildData, "1"))
    assert [data.data_element for data in store.build_data()] == ["x" * 5000]


async def test_watchers_learn_of_every_durable_write_until_they_leave(store):
    told = []
    leave = store.watch(lambda *news: told.append(news))
    await store.write(Put(a_task("a")), Put(a_message("a")))
    assert told == [(store.seq, [store.task("a"), store.messages("a")[0]])]
    leave()
    leave()
    await store.write(Put(a_task("b")))
    assert len(told) == 1


async def test_a_watcher_sees_the_write_it_is_told_of(store):
    seen = []
    store.watch(lambda seq, records: seen.append(store.task(records[0].task_id).status))
    await store.write(Put(a_task("a")))
    await store.write(Edit(Task, "a", finish))
    assert seen == [QUEUED, COMPLETE]


async def test_a_failing_watcher_does_not_fail_the_write(store, caplog):
    store.watch(lambda seq, records: 1 / 0)
    await store.write(Put(a_task("a")))
    assert store.task("a")
    assert "watcher" in caplog.text


async def test_purging_spares_unfinished_trees_and_young_ones(store):
    await store.write(
        Put(a_task("done", status=COMPLETE)),
        Put(a_task("kid", status=TaskStatus.TERMINATED, parent_task_id="done", created=TUESDAY)),
        Put(a_message("kid")),
        Put(a_task("queued")),
        Put(a_task("half", status=COMPLETE)),
        Put(a_task("busy", status=RUNNING, parent_task_id="half")),
        Put(a_task("young", status=COMPLETE, created=TUESDAY)),
    )
    assert await store.purge_tasks(before=TUESDAY) == Purged(tasks=2, messages=1)
    assert {t.task_id for t in store.tasks()} == {"queued", "half", "busy", "young"}
    assert await store.purge_tasks(before=TUESDAY) == Purged()


async def test_purging_takes_superseded_boot_actions_and_spares_build_data(store):
    await store.write(
        Put(a_task("t", status=COMPLETE)),
        Put(a_context("n1", "current")),
        Put(a_boot_action("OLD", context_id="before")),
        Put(a_boot_action("NEW", context_id="current")),
        Put(some_data("1")),
        Put(Intent("t/n1/wipe", "t", "n1", "wipe", MONDAY)),
    )
    assert await store.purge_tasks(before=TUESDAY) == Purged(tasks=1, boot_actions=1)
    assert [a.action_id for a in store.boot_actions("n1")] == ["NEW"]
    assert len(store.build_data(node="n1")) == 1
    assert store.intents("t") == []


async def test_health_counts(store):
    await store.write(Put(a_task("a")), Put(a_message("a")))
    health = store.health()
    assert (health.error, health.tasks, health.messages) == (None, 1, 1)


async def test_closing_twice_is_fine_and_writing_after_it_is_refused(store):
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.write(Put(a_task("a")))


async def test_build_data_is_known_by_its_id(store):
    await store.write(Put(some_data("known", "x" * 10_000)))
    assert store.has_build_data("known")
    assert not store.has_build_data("unknown")

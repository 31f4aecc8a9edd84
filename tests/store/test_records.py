"""Random histories against a plain model, on every backend, with reopening in between."""

import asyncio
import contextlib
import itertools
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydockd.errors import Conflict, NotFound, StoreUnavailable
from drydockd.model import (
    Action,
    BootAction,
    BootActionStatus,
    BuildData,
    Message,
    Task,
    TaskStatus,
)
from drydockd.store import Edit, Put, Remove, open_store, records
from tests.store.conftest import EMPTY
from tests.store.helpers import (
    MONDAY,
    TUESDAY,
    FailingDisk,
    a_boot_action,
    a_message,
    a_task,
    on_database,
    some_data,
)

pytestmark = pytest.mark.slow

LONG = "long " * 1000
NAMES = st.sampled_from(["a", "b", "c", "d"])
STATUSES = st.sampled_from(list(TaskStatus))
NODES = st.lists(st.sampled_from(["n1", "n2"]), unique=True).map(tuple)
REPORTS = st.sampled_from(list(BootActionStatus))


class Model:
    """What a store must do, in plain dicts and without indexes."""

    def __init__(self):
        self.tasks, self.messages, self.actions, self.data = {}, {}, {}, {}
        self.said = set()  # by the write under way

    def copy(self):
        other = Model()
        other.tasks, other.actions = self.tasks.copy(), self.actions.copy()
        other.data = self.data.copy()
        other.messages = {key: [*found] for key, found in self.messages.items()}
        return other

    def put_task(self, task_id, status, parent, scope, created):
        new = a_task(task_id, status=status, parent_task_id=parent, scope=scope, created=created)
        old = self.tasks.get(task_id)
        if old and old.status.is_final and (old.status, old.scope) != (status, scope):
            raise Conflict
        self.tasks[task_id] = new
        return Put(new)

    def edit_task(self, task_id, status):
        old = self.tasks.get(task_id)
        if old is None:
            raise NotFound
        if old.status.is_final and old.status != status:
            raise Conflict
        self.tasks[task_id] = replace(old, status=status)

    def say(self, task_id, text, error):
        self.said.add(task_id)
        self.messages.setdefault(task_id, []).append((text, error))

    def remove_task(self, task_id):
        self.tasks.pop(task_id, None)
        self.messages.pop(task_id, None)

    def report(self, action_id, status):
        old = self.actions.get(action_id, BootActionStatus.INCOMPLETE)
        if old not in (BootActionStatus.INCOMPLETE, status):
            raise Conflict
        self.actions[action_id] = status

    def purge(self, before):
        # Roots first: a member that went with its root must not look like one.
        roots = [t for t in self.tasks.values() if t.parent_task_id not in self.tasks]
        for root in roots:
            if root.created >= before:
                continue
            tree = {root.task_id}
            for _ in self.tasks:
                tree |= {t.task_id for t in self.tasks.values() if t.parent_task_id in tree}
            if all(self.tasks[name].status.is_final for name in tree):
                for name in tree:
                    self.remove_task(name)


@st.composite
def changes(draw):
    """A change as two functions: on the model, and for the store."""
    kind = draw(st.sampled_from(["task", "task", "edit", "say", "say", "remove", "report", "data"]))
    name = draw(NAMES)
    if kind == "task":
        parent = draw(st.sampled_from([None, None, *"abcd"[: "abcd".index(name)]]))
        values = (name, draw(STATUSES), parent, draw(NODES), draw(st.sampled_from("123")))
        made = a_task(
            name, status=values[1], parent_task_id=parent, scope=values[3], created=values[4]
        )
        return lambda model: model.put_task(*values), Put(made)
    if kind == "edit":
        status = draw(STATUSES)
        edit = Edit(Task, name, lambda task: replace(task, status=status))
        return lambda model: model.edit_task(name, status), edit
    if kind == "say":
        text, error = draw(st.text(st.characters(exclude_categories=["Cs"]))), draw(st.booleans())
        put = Put(a_message(name, text, error=error))
        return lambda model: model.say(name, text, error), put
    if kind == "remove":
        return lambda model: model.remove_task(name), Remove(Task, name)
    if kind == "report":
        status = draw(REPORTS)
        put = Put(a_boot_action(name, status=status))
        return lambda model: model.report(name, status), put
    text = draw(st.sampled_from(["short", LONG]))
    return lambda model: model.data.update({name: text}), Put(some_data(name, text))


STEPS = st.one_of(
    st.lists(changes(), min_size=1, max_size=4),
    st.lists(changes(), min_size=1, max_size=4),
    st.sampled_from(["reopen", "compact", "purge"]),
)


def check(store, model):
    assert {task.task_id: task for task in store.tasks()} == model.tasks
    places = [(task.created, task.task_id) for task in store.tasks()]
    assert places == sorted(places)
    for status in TaskStatus:
        expected = {name for name, task in model.tasks.items() if task.status is status}
        assert {task.task_id for task in store.tasks(status=status)} == expected
    for node in ("n1", "n2"):
        expected = {name for name, task in model.tasks.items() if node in task.scope}
        assert {t.task_id for t in store.tasks(node=node, action=Action.DEPLOY_NODES)} == expected
    for name in "abcd":
        children = {t.task_id for t in model.tasks.values() if t.parent_task_id == name}
        assert {task.task_id for task in store.subtasks(name)} == children
        said = [Message(name, text, error, ts=MONDAY, seq=seq) for seq, (text, error) in
                enumerate(model.messages.get(name, ()), start=1)]  # fmt: skip
        assert store.messages(name) == said
        assert store.error_count(name) == sum(message.error for message in said)
    roots = {
        name
        for name, task in model.tasks.items()
        if task.parent_task_id is None and not task.status.is_final
    }
    assert {task.task_id for task in store.unfinished()} == roots
    found = {action.action_id: action.status for action in store.boot_actions("n1")}
    assert found == model.actions
    assert {d.build_data_id: d.data_element for d in store.build_data()} == model.data
    assert store.health().messages == sum(map(len, model.messages.values()))


async def live(backend, folder, steps):
    options = {"disk": FailingDisk()} if backend == "tiny" else {}
    store, model = await open_store(backend, folder, **options), Model()
    for step in steps:
        if step == "purge":
            await store.purge_tasks(before="3")
            model.purge("3")
        elif isinstance(step, list):
            model = await write(store, model, step)
        elif backend == "tiny" and step == "reopen":
            await store.close()
            store = await open_store(backend, folder, **options)
        elif backend == "tiny":
            await store.backend.compact()
        check(store, model)
    await store.close()


async def write(store, model, step) -> Model:
    after = model.copy()
    try:
        for on_model, _ in step:
            on_model(after)
        if not after.said <= set(after.tasks):
            raise NotFound
    except (Conflict, NotFound):
        # Several things may be wrong with a write; which is told first is no matter.
        with pytest.raises((Conflict, NotFound)):
            await store.write(*(change for _, change in step))
        return model
    await store.write(*(change for _, change in step))
    return after


def run(backend, steps):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live(backend, Path(folder) / "state", steps))


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=15))
def test_any_history_leaves_what_the_model_says_on_disk(steps):
    run("tiny", steps)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=15))
def test_any_history_leaves_what_the_model_says_in_memory(steps):
    run("memory", steps)


async def live_on_two(database, steps):
    """Every step is taken by the other of two daemons, which has not been told yet of the last."""
    stores, model = [await on_database(database, name) for name in "ab"], Model()
    for number, step in enumerate(steps):
        store = stores[number % 2]
        if step == "purge":
            await store.fresh(10)
            await store.purge_tasks(before="3")
            model.purge("3")
        elif isinstance(step, list):
            model = await write(store, model, step)
        elif step == "reopen":
            await store.close()
            stores[number % 2] = await on_database(database, "ab"[number % 2])
        else:
            await store.backend.sweep(0)
            await store.backend.trim(0)
        if number % 3 == 2:
            for each in stores:
                await each.fresh(10)
                check(each, model)
    for store in stores:
        await store.fresh(10)
        check(store, model)
        await store.close()


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(STEPS, max_size=15))
def test_any_history_of_two_daemons_leaves_what_the_model_says(shared_database, steps):
    shared_database.run(EMPTY)
    asyncio.run(live_on_two(shared_database, steps))


async def test_a_history_that_needs_every_kind_of_record():
    """The strategies above draw all of these; this one does not depend on luck."""
    store = await open_store("memory")
    await store.write(Put(a_task("a")), Put(a_message("a")), Put(some_data("1")))
    await store.write(Put(a_boot_action("A")), Remove(BootAction, "A"), Remove(BuildData, "1"))
    assert store.boot_actions("n1") == store.build_data() == []


# -- purging in slices


def whole_trees(roots: int, members: int) -> list[Put]:
    return [
        Put(a_task(f"{root}" if not number else f"{root}-{number}", status=TaskStatus.COMPLETE,
                   parent_task_id=f"{root}" if number else None))
        for root in range(roots)
        for number in range(members)
    ]  # fmt: skip


@pytest.fixture
def small_slices(monkeypatch):
    monkeypatch.setattr(records, "SLICE", 10)
    return 10


async def test_others_write_between_the_slices_of_a_purge_and_none_is_longer(store, small_slices):
    await store.write(Put(a_task("busy")), *whole_trees(60, 3))
    saved, save = [], store.backend.save
    store.backend.save = lambda batch, guard: saved.append(batch) or save(batch, guard)
    purge = asyncio.ensure_future(store.purge_tasks(before=TUESDAY))
    while not purge.done():
        await store.write(Put(a_message("busy")))
    assert (await purge).tasks == 180
    sizes = [0 if batch.news else len(batch.ops) for batch in saved]
    assert max(sizes) <= small_slices
    assert sum(sizes) == 180
    first = next(at for at, size in enumerate(sizes) if size)
    last = max(at for at, size in enumerate(sizes) if size)
    assert sizes[first:last].count(0) >= 15
    assert [task.task_id for task in store.tasks()] == ["busy"]
    assert len(store.messages("busy")) == sizes.count(0)


async def test_a_long_tree_goes_in_one_write_over_many_turns_its_root_first(store, small_slices):
    await store.write(Put(a_task("busy")), *whole_trees(1, 95))
    seq, lengths = store.seq, []
    purge = asyncio.ensure_future(store.purge_tasks(before=TUESDAY))
    while not purge.done():
        await asyncio.sleep(0)
        found = {task.task_id for task in store.tasks()}
        lengths.append(len(found))
        assert ("0" in found) is (len(found) == 96)
    assert (await purge).tasks == 95
    assert store.seq == seq + 1
    steps = [before - after for before, after in itertools.pairwise(lengths)]
    assert max(steps) <= small_slices
    assert len([step for step in steps if step]) >= 8


async def test_what_comes_while_a_long_tree_leaves_finds_it_gone(store, small_slices):
    await store.write(*whole_trees(1, 95))
    met = []
    save = store.backend.save

    def look(batch, guard):
        done = save(batch, guard)
        if batch.is_long:
            met.append(asyncio.ensure_future(comers()))
        return done

    async def comers():
        with pytest.raises(NotFound):
            await store.write(Put(a_message("0-94")))
        with pytest.raises(NotFound):
            await store.write(Edit(Task, "0-94", lambda task: replace(task, retry=1)))
        await store.write(Put(a_task("0-94")), Put(a_message("0-94", "new")))

    store.backend.save = look
    assert (await store.purge_tasks(before=TUESDAY)).tasks == 95
    await met[0]
    assert [task.task_id for task in store.tasks()] == ["0-94"]
    assert [(m.seq, m.message) for m in store.messages("0-94")] == [(1, "new")]


async def test_two_purges_at_once_remove_everything_once(store, small_slices):
    await store.write(*whole_trees(30, 3), *whole_trees(1, 95)[3:])
    done = await asyncio.gather(*(store.purge_tasks(before=TUESDAY) for _ in range(3)))
    assert sorted(purged.tasks for purged in done) == [0, 0, 182]
    assert store.tasks() == []


async def test_a_long_tree_that_gets_an_unfinished_member_meanwhile_stays(store, small_slices):
    await store.write(*whole_trees(1, 95))
    purge = asyncio.ensure_future(store.purge_tasks(before=TUESDAY))
    await asyncio.sleep(0)
    await store.write(Put(a_task("late", parent_task_id="0")))
    assert (await purge).tasks == 0
    assert len(store.tasks()) == 96


async def test_a_purge_cut_anywhere_leaves_whole_trees_only(tmp_path, small_slices):
    for cut in range(1, 60):
        folder = tmp_path / str(cut)
        disk = FailingDisk()
        store = await open_store("tiny", folder, disk=disk, probe_seconds=0, quick_seconds=0)
        await store.write(*whole_trees(12, 3), *whole_trees(1, 35)[3:])  # tree 0 is a long one
        begin = disk.count
        disk.fails = lambda number, cut=cut, begin=begin: number >= begin + cut
        with contextlib.suppress(StoreUnavailable):
            await store.purge_tasks(before=TUESDAY)
        is_through = disk.count < begin + cut
        for image in disk.images(folder, tmp_path / "images" / str(cut)):
            after = await open_store("tiny", image)
            left = {task.task_id for task in after.tasks()}
            await after.close()
            for root in range(12):
                tree = {put.record.task_id for put in whole_trees(12, 35 if root == 0 else 3)
                        if put.record.task_id.split("-")[0] == str(root)}  # fmt: skip
                assert left & tree in (set(), tree), (cut, image.name)
        await store.close()
        if is_through:
            break
    assert is_through
    assert cut > 4


async def test_a_group_of_many_writes_lands_over_several_turns_and_each_write_at_once(tmp_path):
    store = await open_store("tiny", tmp_path / "state")
    seen = set()

    def look():
        told = {store.message_count(f"t{n}") for n in range(300)}
        seen.add((store.seq, frozenset(told)))
        if len(store.tasks()) < 300:
            asyncio.get_running_loop().call_soon(look)

    look()
    writes = [
        store.write(Put(a_task(f"t{n}")), *(Put(a_message(f"t{n}")) for _ in range(9)))
        for n in range(300)
    ]
    await asyncio.gather(*writes)
    await store.close()

    # A turn takes SLICE changes, and of no write does anybody see a part.
    assert len({seq for seq, _ in seen}) > 3000 / records.SLICE / 2
    assert {count for _, told in seen for count in told} <= {0, 9}

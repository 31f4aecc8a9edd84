import itertools
from dataclasses import replace

import orjson
import pytest

from drydockd.handlers import taskview
from drydockd.handlers.builddata import build_data_json
from drydockd.handlers.parts import PART_BYTES, PART_RECORDS
from drydockd.handlers.taskview import TaskViews, result_json, task_json
from drydockd.model import Action, BuildData, Link, Message, Result, ResultStatus, Task, TaskStatus
from drydockd.store import Edit, Put, Remove, open_store

WHEN = "2026-01-31T10:20:30.123456+00:00"


@pytest.fixture
async def store():
    opened = await open_store("memory")
    yield opened
    await opened.close()


def a_task(task_id="77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22", **fields):
    return Task(task_id, Action.PREPARE_NODES, "file:///srv/site.yaml", created=WHEN, **fields)


async def test_a_task_looks_as_documented(store):
    result = Result(
        ResultStatus.PARTIAL_SUCCESS,
        successes=("n7",),
        failures=("n8",),
        links=(Link("detail_logs", "http://drydock/api/v1.0/tasks/77ad/builddata"),),
    )
    task = a_task(status=TaskStatus.COMPLETE, result=result, created_by="ops")
    message = Message(task.task_id, "Node n8 failed.", True, "node", "n8", WHEN)
    await store.write(Put(task), Put(message))
    assert task_json(store, store.task(task.task_id)) == {
        "kind": "Task",
        "apiVersion": "v1",
        "task_id": task.task_id,
        "action": "prepare_nodes",
        "parent_task_id": None,
        "design_ref": "file:///srv/site.yaml",
        "status": "complete",
        "result": {
            "kind": "Status",
            "apiVersion": "v1.0",
            "metadata": {},
            "message": None,
            "reason": None,
            "status": "partial_success",
            "successes": ["n7"],
            "failures": ["n8"],
            "links": [
                {"rel": "detail_logs", "href": "http://drydock/api/v1.0/tasks/77ad/builddata"}
            ],
            "details": {
                "errorCount": 1,
                "messageList": [
                    {
                        "message": "Node n8 failed.",
                        "error": True,
                        "context_type": "node",
                        "context": "n8",
                        "ts": WHEN,
                        "extra": {},
                    }
                ],
            },
        },
        "node_filter": None,
        "subtask_id_list": [],
        "created": WHEN,
        "created_by": "ops",
        "updated": WHEN,
        "terminated": None,
        "terminated_by": None,
        "terminate": False,
        "retry": 0,
    }


async def test_what_is_kept_follows_every_change(store):
    views, task = TaskViews(store), a_task()
    await store.write(Put(task))
    assert orjson.loads(views.encoded(task))["status"] == "queued"
    await store.write(
        Edit(Task, task.task_id, lambda t: replace(t, status=TaskStatus.RUNNING)),
    )
    assert orjson.loads(views.encoded(store.task(task.task_id)))["status"] == "running"
    await store.write(Put(Message(task.task_id, "Started.")))
    shown = orjson.loads(views.encoded(store.task(task.task_id)))
    assert [m["message"] for m in shown["result"]["details"]["messageList"]] == ["Started."]
    views.close()


async def test_an_unchanged_task_is_encoded_once(store):
    views, task = TaskViews(store), a_task()
    await store.write(Put(task))
    assert views.encoded(task) is views.encoded(task)


class Counted:
    """A store that counts the messages it gives out."""

    def __init__(self, store):
        self.store = store
        self.read = 0

    def __getattr__(self, name):
        return getattr(self.store, name)

    def messages(self, task_id, *, after=0, limit=None):
        found = self.store.messages(task_id, after=after, limit=limit)
        self.read += len(found)
        return found


@pytest.mark.parametrize("size", [200, 2000])
async def test_a_change_of_a_task_with_many_messages_reads_only_the_new_ones(store, size):
    counted, task = Counted(store), a_task()
    views = TaskViews(counted)
    await store.write(Put(task), *(Put(Message(task.task_id, "Said.")) for _ in range(size)))
    views.encoded(task)
    counted.read = 0

    for number in range(20):
        await store.write(Put(Message(task.task_id, f"New {number}.", error=number == 7)))
        await store.write(Edit(Task, task.task_id, lambda t: replace(t, retry=t.retry + 1)))
        shown = views.encoded(store.task(task.task_id))

    assert counted.read == 20
    assert orjson.loads(shown) == task_json(store, store.task(task.task_id))


async def test_what_is_kept_stays_bounded(store, monkeypatch):
    monkeypatch.setattr(taskview, "KEPT_BYTES", 100_000)
    views = TaskViews(store)
    for number in range(20):
        task = a_task(f"{number:032d}")
        await store.write(Put(task), *(Put(Message(task.task_id, "Said.")) for _ in range(100)))
        views.encoded(task)
        await store.write(Put(Message(task.task_id, "Last.")))
        shown = orjson.loads(views.encoded(task))
        assert len(shown["result"]["details"]["messageList"]) == 101

    kept = [len(json) for json in views._kept.values()]
    said = [len(json) for _, json in views._said.values()]
    assert views._bytes == sum(kept) + sum(said) <= 100_000


async def shown(views, task, **asked):
    return [part async for part in views.shown(task, **asked)]


async def test_a_new_subtask_is_listed_by_its_parent_with_the_filter_of_its_nodes(store):
    views, task = TaskViews(store), a_task()
    await store.write(Put(task))
    assert orjson.loads(views.encoded(task))["subtask_id_list"] == []

    sub = a_task("b" * 32, parent_task_id=task.task_id, scope=("n1", "n2"))
    await store.write(Put(sub))

    assert orjson.loads(views.encoded(task))["subtask_id_list"] == [sub.task_id]
    tree = orjson.loads(b"".join(await shown(views, task, layers=-1)))
    assert list(tree) == ["init_task_id", task.task_id, sub.task_id]
    assert tree[sub.task_id]["node_filter"]["filter_set"][0]["node_names"] == ["n1", "n2"]


@pytest.mark.parametrize("layers", [0, 1, 2, -1])
@pytest.mark.parametrize("builddata", [False, True])
@pytest.mark.parametrize("errors", [False, True])
async def test_a_tree_in_parts_is_the_documented_object(store, layers, builddata, errors):
    tree = {
        "top": a_task("top"),
        "a": a_task("a", parent_task_id="top"),
        "b": a_task("b", parent_task_id="top", node_filter={"odd": '"messageList":[]'}),
        "c": replace(a_task("c", parent_task_id="a"), design_ref='"messageList":[]'),
    }
    await store.write(*(Put(task) for task in tree.values()))
    for task_id, count in (("top", 1201), ("b", 3), ("c", 700)):
        said = [Message(task_id, f"No. {n}", error=n % 3 == 0) for n in range(count)]
        await store.write(*(Put(message) for message in said))
    data = [BuildData("n1", "a", WHEN, name, "text/plain", "x" * 99) for name in ("lshw", "ip")]
    await store.write(*(Put(one) for one in data))

    def whole(task):
        found = store.build_data(task_id=task.task_id)
        more = {"build_data": [build_data_json(one) for one in found]} if builddata else {}
        return task_json(store, task) | more

    levels = {0: ("top",), 1: ("top",), 2: ("top", "a", "b"), -1: ("top", "a", "b", "c")}[layers]
    expected = {task_id: whole(tree[task_id]) for task_id in levels}
    expected = expected["top"] if layers == 0 else {"init_task_id": "top"} | expected
    if errors:
        below = ("b", "c")
        expected["subtask_errors"] = {
            task_id: result_json(store, tree[task_id]) | {"task_id": task_id} for task_id in below
        }
    asked = {"layers": layers, "builddata": builddata, "errors": errors}
    views = TaskViews(store)
    assert orjson.loads(b"".join(await shown(views, tree["top"], **asked))) == expected
    assert orjson.loads(b"".join(await shown(views, tree["top"], **asked))) == expected


async def test_a_task_with_many_messages_is_encoded_over_several_turns(store, monkeypatch):
    encoded = []
    monkeypatch.setattr(
        taskview, "message_json", lambda m, make=taskview.message_json: encoded.append(m) or make(m)
    )
    task = a_task()
    await store.write(Put(task), *(Put(Message(task.task_id, "Said.")) for _ in range(5000)))
    works = []

    async def taken():
        parts = []
        async for part in TaskViews(store).shown(task):
            works.append(len(encoded))
            parts.append(part)
        return [part for part in parts if part]

    (whole,) = await taken()
    # No room to keep them: it goes out in parts instead.
    monkeypatch.setattr(taskview, "KEPT_BYTES", 10_000)
    answer = await taken()
    assert whole == b"".join(answer)
    assert len(encoded) < 11_000
    assert max(b - a for a, b in itertools.pairwise(works)) <= PART_RECORDS + 500
    assert max(len(part) for part in answer) < PART_BYTES


async def test_a_task_purged_while_its_tree_is_shown_leaves_a_whole_answer(store):
    tree = [a_task(f"{n:032d}", parent_task_id="top") for n in range(1500)]
    top = a_task("top")
    await store.write(Put(top), *(Put(task) for task in tree))
    views, parts = TaskViews(store), []
    async for part in views.shown(top, layers=-1):
        if not parts:
            await store.write(*(Remove(Task, task.task_id) for task in tree))
        parts.append(part)
    assert len(orjson.loads(b"".join(parts))) == 1502


async def parts_of(views, store, **query):
    return [part async for part in views.listed(store.walk_tasks(**query))]


def ids(parts):
    return [task["task_id"] for task in orjson.loads(b"".join(parts))]


async def test_a_long_list_is_whole_and_in_order(store):
    views = TaskViews(store)
    tasks = [a_task(f"{number:032d}") for number in range(2500)]
    await store.write(*(Put(task) for task in tasks))
    assert ids(await parts_of(views, store)) == [task.task_id for task in tasks]
    assert ids(await parts_of(views, store)) == [task.task_id for task in tasks]
    assert await parts_of(views, store, limit=0) == [b"[]"]
    assert b"".join(await parts_of(views, store, node="nobody")) == b"[]"


async def test_a_part_of_a_list_is_bounded_in_bytes_and_in_what_is_encoded_for_it(
    store, monkeypatch
):
    views, encoded = TaskViews(store), []
    monkeypatch.setattr(
        taskview, "message_json", lambda m, make=taskview.message_json: encoded.append(m) or make(m)
    )
    for number in range(1500):
        task = a_task(f"{number:032d}")
        text = "x" * (400 if number > 700 else 10)
        await store.write(Put(task), *(Put(Message(task.task_id, text)) for _ in range(10)))
    for kept in (False, True):
        sizes, works = [], []
        async for part in views.listed(store.walk_tasks()):
            sizes.append(len(part))
            works.append(len(encoded))
            encoded.clear()
        assert max(sizes) < PART_BYTES + 6000
        assert max(works) < PART_RECORDS + 20
        assert len(sizes) < sum(sizes) / PART_BYTES + (2 if kept else sum(works) / 500)
    assert sum(works) == 0


async def test_looking_for_what_is_rare_takes_turns_too(store):
    tasks = [a_task(f"{number:032d}", scope=("n1",)) for number in range(6000)]
    await store.write(*(Put(task) for task in tasks))
    parts = await parts_of(TaskViews(store), store, node="n1", status=TaskStatus.RUNNING)
    assert b"".join(parts) == b"[]"
    parts = await parts_of(TaskViews(store), store, action=Action.PREPARE_NODES, node="n1", limit=1)
    assert len(ids(parts)) == 1


@pytest.mark.parametrize("asked", [{"layers": -1}, {"errors": True}])
async def test_a_large_tree_is_looked_at_over_several_turns(store, monkeypatch, asked):
    top = a_task("top")
    steps = [a_task(f"s{n}", parent_task_id="top") for n in range(3)]
    leaves = [
        a_task(f"{s.task_id}-{n}", parent_task_id=s.task_id) for s in steps for n in range(999)
    ]
    await store.write(*(Put(task) for task in (top, *steps, *leaves)))
    looks, subtasks = [], store.subtasks
    monkeypatch.setattr(store, "subtasks", lambda i: looks.append(i) or subtasks(i))
    views, most = TaskViews(store), 0
    async for _ in views.shown(top, **asked):
        most = max(most, len(looks))
        looks.clear()
    assert 0 < most <= PART_RECORDS + taskview.LOOKED


async def test_what_changes_during_a_list_is_shown_as_it_is_when_its_turn_comes(store):
    views = TaskViews(store)
    tasks = [a_task(f"{number:032d}") for number in range(2000)]
    await store.write(*(Put(task) for task in tasks))
    parts = []
    async for part in views.listed(store.walk_tasks()):
        if not parts:
            run = Edit(Task, tasks[-1].task_id, lambda t: replace(t, status=TaskStatus.RUNNING))
            gone = [task.task_id for task in tasks[500:1999]]
            await store.write(run, *(Remove(Task, task_id) for task_id in gone))
        parts.append(part)
    shown = orjson.loads(b"".join(parts))
    assert [task["task_id"] for task in shown if task["task_id"] in gone[512:]] == []
    assert (shown[-1]["task_id"], shown[-1]["status"]) == (tasks[-1].task_id, "running")


async def test_what_is_kept_is_bounded_and_a_long_list_turns_nothing_out(store, monkeypatch):
    monkeypatch.setattr(taskview, "KEPT_BYTES", 20_000)
    views = TaskViews(store)
    tasks = [a_task(f"{number:032d}") for number in range(100)]
    await store.write(*(Put(task) for task in tasks))
    await parts_of(views, store)
    kept = {task.task_id: views.encoded(task) for task in tasks[:20]}
    await parts_of(views, store)
    assert all(views.encoded(task) is kept[task.task_id] for task in tasks[:20])
    assert views.kept_bytes <= 20_000


async def test_what_was_purged_makes_room_for_later_lists(store, monkeypatch):
    monkeypatch.setattr(taskview, "KEPT_BYTES", 20_000)
    views = TaskViews(store)
    old = [a_task(f"{number:032d}", status=TaskStatus.COMPLETE) for number in range(50)]
    new = [a_task(f"{number:032d}") for number in range(50, 150)]
    await store.write(*(Put(task) for task in old + new))
    await parts_of(views, store)
    assert (await store.purge_tasks(before="2027")).tasks == 50
    await parts_of(views, store)
    kept = views.encoded(new[0])
    await parts_of(views, store)
    assert views.encoded(new[0]) is kept
    assert 18_000 < views.kept_bytes <= 20_000


async def test_messages_kept_of_a_purged_task_make_room_too(store, monkeypatch):
    monkeypatch.setattr(taskview, "KEPT_BYTES", 20_000)
    views, old = TaskViews(store), a_task("old", status=TaskStatus.COMPLETE)
    await store.write(Put(old), *(Put(Message("old", "Said.")) for _ in range(100)))
    views.encoded(old)
    await store.purge_tasks(before="2027")
    new = [a_task(f"{number:032d}") for number in range(100)]
    await store.write(*(Put(task) for task in new))
    for _ in range(2):
        await parts_of(views, store)
    kept = views.encoded(new[0])
    await parts_of(views, store)
    assert views.encoded(new[0]) is kept
    assert 15_000 < views.kept_bytes <= 20_000

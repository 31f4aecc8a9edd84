"""Answers from the tables: which index a query walks. The answers are in test_base."""

import threading

from drydockd.model import Action
from drydockd.store.codec import BuildRow, without_element
from drydockd.store.reading import Reading
from drydockd.store.tables import Tables
from tests.store.helpers import QUEUED, RUNNING, a_task, some_data


class Counting(dict):
    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)


def many_tasks() -> tuple[Reading, Counting]:
    tables = Tables()
    for number in range(1000):
        task = a_task(f"{number:04}", created=f"{number:04}", scope=(f"n{number % 100}",))
        tables.load("tasks", task)
    tables.load("tasks", a_task("busy", status=RUNNING, action=Action.NOOP, scope=("n1",)))
    tables.tasks = Counting(tables.tasks)
    return Reading(tables, lambda digest: b""), tables.tasks


def test_a_page_costs_its_length_however_long_the_list_is():
    reading, tasks = many_tasks()
    assert [task.task_id for task in reading.tasks(after="0500", limit=2)] == ["0501", "0502"]
    assert tasks.looks == 3


def test_a_slice_costs_its_length_and_one_that_finds_nothing_ends_too():
    reading, tasks = many_tasks()
    walk = reading.walk_tasks()
    next(walk)
    assert tasks.looks == 512
    tasks.looks = 0
    assert next(reading.walk_tasks(status=QUEUED, action=Action.DEPLOY_NODES, node="n1"))
    assert tasks.looks == 11  # those that name the node
    sparse = reading.walk_tasks(status=QUEUED, action=Action.NOOP)
    assert [len(some) for some in sparse] == [0]


def test_the_narrowest_index_is_walked():
    reading, tasks = many_tasks()
    assert len(reading.tasks(status=RUNNING)) == 1
    assert len(reading.tasks(action=Action.NOOP, node="n1", status=RUNNING)) == 1
    assert reading.tasks(status=QUEUED, action=Action.VERIFY_SITE) == []
    assert len(reading.unfinished()) == 1001
    assert tasks.looks == 1 + 1 + 0 + 1001


def test_the_newest_task_on_a_node_costs_one_look():
    reading, looks = many_tasks()
    found = reading.newest_on("n1")
    before = looks.looks
    assert [next(found).task_id, next(found).task_id] == ["busy", "0901"]
    assert looks.looks - before == 2
    assert list(reading.newest_on("nobody")) == []


def test_build_data_may_be_read_in_a_thread_while_more_arrives():
    tables = Tables()
    reading = Reading(tables, lambda digest: b"")
    failures, done = [], threading.Event()

    def read():
        try:
            while not done.is_set():
                reading.build_data()
                reading.build_data(task_id="t")
        except Exception as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1000):
        tables.load("build_data", BuildRow(some_data(str(number), node=f"n{number % 50}")))
        if number % 3 == 0:
            tables.remove("build_data", str(number - 1))
    done.set()
    reader.join()
    assert failures == []


def test_build_data_that_goes_while_it_is_read_is_left_out():
    tables = Tables()

    def read_blob(digest):
        tables.remove("build_data", "1")
        return b"element"

    for number in "12":
        tables.load("build_data", without_element(some_data(number), "d" * 64))
    found = Reading(tables, read_blob).build_data(node="n1")
    assert [data.build_data_id for data in found] == ["2"]

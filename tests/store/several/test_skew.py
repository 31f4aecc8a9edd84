"""The clock of one process is wrong: nothing goes by it."""

import pytest

from tests.peers.faketime import WrongClock
from tests.store.several.sharing import url_of

pytestmark = [
    *(pytest.mark.process, pytest.mark.slow),
    *(pytest.mark.peer("postgres"), pytest.mark.peer("faketime")),
]


@pytest.fixture
def clock(tmp_path):
    return WrongClock(tmp_path, 600)


def top_level(replica):
    """The tasks a process put, in the order in which the store says that they came."""
    tasks = [task for task in replica["documents"]["tasks"] if "/" in task["task_id"]]
    return sorted(tasks, key=lambda task: task["arrival"])


def number(task):
    return int(task["task_id"].rpartition("-")[2])


def test_order_is_that_of_the_writes_whatever_the_clock_of_one_does(crew, database, clock):
    crew.url = url_of(database)
    wrong = crew.join("wrong", writers=1, environment=clock.environment)
    crew.join("right", writers=1)
    crew.go()
    crew.each_writes(40)
    clock.set(-5)
    crew.each_writes(40)
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    tasks = top_level(wrong.look())
    own = [task for task in tasks if task["task_id"].startswith("wrong/")]
    created = [task["created"] for task in own]
    assert created != sorted(created)  # the clock was set back between two of them
    for name in ("wrong/", "right/"):
        numbers = [number(task) for task in tasks if task["task_id"].startswith(name)]
        assert numbers == sorted(numbers)

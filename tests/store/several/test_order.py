"""Everybody shows the same, in the same order, whoever wrote it."""

import pytest

from tests.store.several.replica import COUNTER
from tests.store.several.sharing import url_of

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]


def test_three_processes_of_sixteen_writers_show_the_same_and_so_does_one_that_comes_later(
    crew, database
):
    crew.url = url_of(database)
    for name in ("a", "b", "c"):
        crew.join(name, writers=16)
    crew.go()
    crew.each_writes(200)
    for member in crew.members:
        member.stop()
    crew.join("later")
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    counts = [kind for member in crew.members for kind in member.wrote.values() if kind == "count"]
    tasks = crew.members[0].look()["documents"]["tasks"]
    assert [task["retry"] for task in tasks if task["task_id"] == COUNTER] == [len(counts)]
    assert not any(member.refused for member in crew.members)

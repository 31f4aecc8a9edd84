"""What a store holds, in one line and one digest."""

from drydockd.model import Task
from drydockd.store import Put, Remove
from drydockd.store.contents import of_tables
from drydockd.store.memory import MemoryStore
from tests.store.helpers import a_message, a_task, some_data


def held(store):
    return of_tables(store._tables, lambda digest: 5000)


async def filled(*changes):
    store = MemoryStore()
    for change in changes:
        await store.write(change)
    return store


ONE, OTHER = Put(some_data("1", "x" * 5000)), Put(some_data("2"))
MESSAGE = Put(a_message("a"))


async def test_the_order_in_which_records_came_is_no_matter():
    first = await filled(Put(a_task("a")), ONE, OTHER, MESSAGE)
    second = await filled(Put(a_task("a")), MESSAGE, OTHER, ONE)
    assert held(first) == held(second)
    assert str(held(first)).startswith("1 blobs, 0 boot actions")


async def test_every_value_of_a_record_counts():
    base = held(await filled(Put(a_task("a")), MESSAGE))
    for changes in (
        (Put(a_task("a", design_ref="x")), MESSAGE),
        (Put(a_task("a")), Put(a_message("a", "other"))),
        (Put(a_task("b")), Remove(Task, "b"), Put(a_task("a")), MESSAGE),  # it came later
    ):
        other = held(await filled(*changes))
        assert base.difference(other).startswith("as many records, but not the same: sha256 ")


async def test_where_there_are_more_or_fewer_that_is_said():
    base = held(await filled(Put(a_task("a")), MESSAGE))
    more = held(await filled(Put(a_task("a")), MESSAGE, MESSAGE, Put(a_task("b")), ONE))
    assert (
        more.difference(base)
        == "2 tasks, not 1; 1 build data, not 0; 2 messages, not 1; 1 blobs, not 0"
    )
    assert base.difference(base) == ""

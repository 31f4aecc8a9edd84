"""The schema can be looked at by operators, and planners find their indexes."""

from drydockd.store import Put
from drydockd.store.postgres.schema import TABLES, statements, views
from tests.store.helpers import a_message, a_task, on_database


async def test_operators_see_documents(shared):
    store = await on_database(shared)
    await store.write(Put(a_task("a")), Put(a_message("a", "hello")))
    assert shared.run("SELECT doc->>'status' FROM drydock.all_tasks") == "queued"
    assert shared.run("SELECT doc->>'message' FROM drydock.all_messages") == "hello"
    await store.close()


def test_a_runners_lease_is_there_from_the_start_and_nobodys(shared):
    found = shared.run("SELECT name, holder, epoch, until FROM drydock.lease")
    assert found == "runner||0|-infinity"


def test_everything_lies_in_its_own_schema():
    made = [line for line in (TABLES + views()).splitlines() if line.startswith("CREATE ")]
    assert all(" drydock" in line for line in made)
    assert statements().count("CREATE FUNCTION drydock.") >= 2

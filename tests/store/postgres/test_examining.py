"""Whether a database is whole: whatever is changed behind its back is seen."""

import asyncio

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import Put
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.copying import contents, one_moment
from drydockd.store.postgres.examining import TABLES, examine
from tests.peers.postgres import PASSWORD
from tests.store.helpers import a_message, a_task, on_database
from tests.store.postgres.filled import fill


@pytest.fixture
def lived_in(spoilt):
    """A database that a daemon wrote to."""

    async def live():
        store = await on_database(spoilt)
        await fill(store)
        await store.close()

    asyncio.run(live())
    return spoilt


def examined(database, url=""):
    url = url or f"{database.socket_url}&durable=no"

    async def go():
        async with asked(url, "test") as connection:
            return await examine(connection, url)

    return asyncio.run(go())


def test_one_that_daemons_wrote_is_whole(lived_in):
    report = examined(lived_in)
    assert report.problems == []
    facts = "\n".join(report.facts)
    assert "feed: 5 writes, 1 to 5" in facts
    assert "3 tasks" in facts
    assert "blobs: 5, 0 of them named by no record" in facts
    assert "members: 1, of which nobody runs" in facts
    assert "no synchronous standby" in facts
    assert report.boot_contexts == 1


def test_what_it_holds_is_what_a_copy_compares(lived_in):
    async def held():
        async with asked(lived_in.url, "test") as connection, one_moment(connection):
            return await contents(connection)

    assert f"contents: sha256 {asyncio.run(held()).digest}" in examined(lived_in).facts


RECORD = "UPDATE drydock.record SET {} WHERE tab = 'tasks' AND key = 'r'"
CHANGED = "doc = convert_to(replace(convert_from(doc, 'UTF8'), 'complete', 'queued'), 'UTF8')"


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (RECORD.format(CHANGED), "tasks r is another one than was put (feed, write 1)"),
        (RECORD.format("seq = 3"), "tasks r is another one than was put (feed, write 1)"),
        ("DELETE FROM drydock.record WHERE key = 'r'", "tasks r is missing, but was put"),
        ("DELETE FROM drydock.record WHERE key = 'r'", "2 messages of task r, which is not there"),
        (
            "INSERT INTO drydock.record SELECT 'tasks', 'x', 2, doc, 2, 0 FROM drydock.record"
            " WHERE key = 'r'",
            "tasks x is of write 2, which did not put it",
        ),
        (
            "INSERT INTO drydock.record SELECT 'tasks', 'x', 2, doc, 2, 0 FROM drydock.record"
            " WHERE key = 'r'",
            "tasks x: it is that of r",
        ),
        (
            "INSERT INTO drydock.change SELECT 5, 99, tab, key, NULL FROM drydock.record"
            " WHERE key = 'r'",
            "tasks r is there, but was removed (feed, write 5)",
        ),
        (RECORD.format("doc = '{'"), "tasks r: unexpected end of data"),
        (RECORD.format("doc = convert_to('{\"x\": 1}', 'UTF8')"), "tasks r: a document of table"),
        ("DELETE FROM drydock.write WHERE seq = 3", "feed: 1 writes are missing in between"),
        ("UPDATE drydock.write SET chain = '' WHERE seq = 3", "the chain is broken at write 3"),
        ("UPDATE drydock.write SET n = 99 WHERE seq = 4", "the chain is broken at write 4"),
        ("UPDATE drydock.head SET chain = ''", "the chain of head is not that of the last write"),
        ("UPDATE drydock.head SET seq = 9", "feed: it ends with write 5, but head with 9"),
        ("UPDATE drydock.head SET seq = 4", "a write of write 5 is there, but head ends with 4"),
        ("UPDATE drydock.member SET applied = 77", "member a showed write 77, but head ends with"),
        ("DELETE FROM drydock.lease", "drydock.lease has no row 'runner'"),
        (
            "UPDATE drydock.blob SET content = content || '!' WHERE digest = (SELECT min(digest)"
            " FROM drydock.blob)",
            "is damaged: it does not match its name",
        ),
        (
            "DELETE FROM drydock.blob WHERE digest = (SELECT min(digest) FROM drydock.blob)",
            "is missing; records name it",
        ),
        (
            "GRANT USAGE ON SCHEMA drydock TO PUBLIC; GRANT SELECT ON drydock.record TO PUBLIC",
            "drydock.record is open to every user of the server",
        ),
    ],
)
def test_damage_is_told(lived_in, damage, told):
    lived_in.run(damage)
    problems = examined(lived_in).problems
    assert any(told in problem for problem in problems), problems


def test_of_many_of_one_kind_some_are_named(lived_in):
    async def write():
        store = await on_database(lived_in)
        await store.write(*(Put(a_task(f"t{n}")) for n in range(30)), Put(a_message("t1")))
        await store.close()

    asyncio.run(write())
    lived_in.run("UPDATE drydock.record SET seq = 1 WHERE key ~ '^t'")
    problems = examined(lived_in).problems
    assert problems[-1] == "and 20 more like that"
    assert len(problems) == 11


def test_records_of_writes_that_are_kept_no_more_are_whole(lived_in):
    lived_in.run(
        "DELETE FROM drydock.change WHERE seq < 4; DELETE FROM drydock.write WHERE seq < 4"
    )
    assert examined(lived_in).problems == []


def test_a_user_who_may_not_do_what_a_daemon_does_is_told(lived_in):
    user = f"reader_{lived_in.name}"
    lived_in.run(
        f"CREATE ROLE {user} LOGIN PASSWORD '{PASSWORD}'; GRANT USAGE ON SCHEMA drydock TO {user};"
        f" GRANT SELECT ON ALL TABLES IN SCHEMA drydock TO {user}"
    )
    url = lived_in.url.replace("//drydock:", f"//{user}:") + "?durable=no"
    try:
        problems = examined(lived_in, url).problems
    finally:
        lived_in.run(f"DROP OWNED BY {user}; DROP ROLE {user}")
    assert len(problems) == len(TABLES)
    assert f"the user {user} may not INSERT, UPDATE, DELETE drydock.record" in " ".join(problems)


def test_a_server_that_may_lose_writes_is_a_problem_unless_that_is_said(lived_in):
    problems = examined(lived_in, lived_in.url).problems
    assert [problem.split(" is ")[0] for problem in problems] == [
        "fsync",
        "full_page_writes",
        "synchronous_commit",
    ]


def test_what_is_no_store_is_refused(postgres, lived_in):
    with pytest.raises(StoreRefused, match="holds no store of drydockd"):
        examined(postgres)
    lived_in.run("DELETE FROM drydock.head")
    with pytest.raises(StoreRefused, match=r"drydock\.head has no row"):
        examined(lived_in)

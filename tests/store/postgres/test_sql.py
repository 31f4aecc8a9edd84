"""The one function that writes, called by hand: its verdicts, in their order."""

import asyncio

import asyncpg
import pytest

from drydockd.store.postgres import sql
from drydockd.store.postgres.connect import connect
from drydockd.store.postgres.rows import Written, answered, link, written


@pytest.fixture
async def connection(shared):
    shared.run(
        "INSERT INTO drydock.member (name, session, beat) VALUES ('a', 1, now()), ('b', 1, now())"
    )
    opened = await connect(shared.socket_url, purpose="test")
    yield opened
    await opened.close()


def call(connection, member, base, *ops, session=1, epoch=0, guarded=0, n=1):
    """`ops`: (write, table, key, document); of a message (write, None, task, document)."""
    changes = [(w, i, tab, key, doc, w, i) for i, (w, tab, key, doc) in enumerate(ops) if tab]
    messages = [(w, i, key, doc) for i, (w, tab, key, doc) in enumerate(ops) if not tab]
    sizes = [100] * max((op[0] for op in ops), default=0)
    columns = [list(column) for column in zip(*changes, strict=True)] or [[]] * 7
    columns += [list(column) for column in zip(*messages, strict=True)] or [[]] * 4
    return connection.fetchrow(
        sql.CALL_WRITE, member, session, base, epoch, n, guarded, sizes, *columns
    )


async def test_writes_are_numbered_chained_and_kept(connection):
    reply = await call(connection, 1, 0, (1, "tasks", "t", b"1"), (2, None, "t", b"m"), n=7)
    assert (reply["head"], reply["applied"], reply["verdict"]) == (0, 2, "ok")
    chain = b""
    for n in (7, 8):
        chain = link(chain, Written(0, 1, n, reply["micros"]))
    assert reply["chain"] == chain
    head = await connection.fetchrow(sql.HEAD)
    assert (head["seq"], head["chain"]) == (2, chain)
    lines = await connection.fetch(sql.FEED, 0, 1 << 20)
    assert [tuple(line)[:2] for line in lines] == [(1, -1), (1, 0), (2, -1), (2, 1)]
    assert [line["doc"] for line in lines if line["ord"] >= 0] == [b"1", b"m"]


async def test_who_changed_what_another_changed_since_is_told_and_all_before_is_done(connection):
    await call(connection, 1, 0, (1, "tasks", "t", b"1"))
    reply = await call(
        connection, 2, 0, (1, "tasks", "u", b"2"), (2, "tasks", "t", b"2"), (3, "tasks", "v", b"2")
    )
    assert (reply["verdict"], reply["applied"], reply["head"]) == ("conflict", 1, 1)
    assert (reply["o_seq"], reply["o_tab"], reply["o_key"]) == ([1], ["tasks"], ["t"])
    assert await connection.fetchval("SELECT array_agg(key ORDER BY key) FROM drydock.record") == [
        *"tu"
    ]


async def test_what_others_wrote_is_told_by_the_answer_as_by_the_feed(connection):
    await call(
        connection, 1, 0, (1, "tasks", "t", b"1"), (1, None, "t", b"m"), (2, None, "t", b"n")
    )
    await call(connection, 1, 2, (1, "intents", "i", None), n=3)
    reply = await call(connection, 2, 0, (1, None, "t", b"o"))
    columns = [reply[f"o_{name}"] for name in ("seq", "tab", "key", "doc")]
    told = answered(0, reply["o_heads"], zip(*columns, strict=True))
    by_feed = written(await connection.fetch(sql.FEED, 0, 1 << 20))[:3]
    assert [write[:6] for write in told] == [write[:6] for write in by_feed]
    assert [[line[2:] for line in write.lines] for write in told] == [
        [tuple(line)[2:] for line in write.lines] for write in by_feed
    ]
    reply = await call(connection, 2, 4, (1, None, "t", b"p"), n=2)
    assert (reply["o_heads"], reply["o_seq"]) == (None, None)


async def test_messages_conflict_with_nothing_but_the_end_of_their_task(connection):
    await call(connection, 1, 0, (1, "tasks", "t", b"1"), (1, None, "t", b"m"))
    reply = await call(connection, 2, 0, (1, None, "t", b"n"))
    assert reply["verdict"] == "ok"
    await call(connection, 1, 2, (1, "tasks", "t", None), n=2)
    reply = await call(connection, 2, 2, (1, None, "t", b"o"), n=2)
    assert (reply["verdict"], reply["applied"]) == ("conflict", 0)
    assert await connection.fetchval("SELECT count(*) FROM drydock.message") == 0


async def test_what_would_not_fit_the_reply_is_behind_and_nothing_is_done(connection):
    await call(connection, 1, 0, (1, "tasks", "t", b"1"))
    await connection.execute("UPDATE drydock.write SET size = 70000")
    reply = await call(connection, 2, 0, (1, "tasks", "u", b"2"))
    assert (reply["verdict"], reply["applied"], reply["o_seq"]) == ("behind", 0, None)
    await connection.execute("UPDATE drydock.head SET seq = 2")  # and what is trimmed too
    reply = await call(connection, 2, 0, (1, "tasks", "u", b"2"))
    assert reply["verdict"] == "behind"


async def test_guarded_writes_need_the_epoch_and_those_before_are_done(connection):
    ops = [(1, "tasks", "a", b"1"), (2, "tasks", "b", b"1"), (3, "tasks", "c", b"1")]
    reply = await call(connection, 1, 0, *ops, guarded=2, epoch=1)
    assert (reply["verdict"], reply["applied"]) == ("fenced", 1)
    await connection.execute("UPDATE drydock.lease SET holder = 1, epoch = 1")
    reply = await call(connection, 1, 1, *ops[1:2], guarded=1, epoch=1, n=2)
    assert reply["verdict"] == "ok"


@pytest.mark.parametrize(
    ("member", "session", "base", "code"),
    [(1, 2, 0, sql.SESSION_OVER), (9, 1, 0, sql.SESSION_OVER), (1, 1, 5, sql.HISTORY_LOST)],
)
async def test_a_session_that_is_over_and_a_history_that_is_lost(
    connection, member, session, base, code
):
    with pytest.raises(asyncpg.PostgresError) as raised:
        await call(connection, member, base, (1, "tasks", "t", b"1"), session=session)
    assert raised.value.sqlstate == code
    assert await connection.fetchval("SELECT count(*) FROM drydock.write") == 0


async def test_who_waits_to_write_is_served_in_turn(connection, shared):
    """Whoever came first writes first, though another one comes just when the lock is free."""
    others = [await connect(shared.socket_url, purpose=f"turn {number}") for number in range(3)]
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    block = connection.transaction()
    await block.start()
    await call(connection, 1, 0, (1, "tasks", "t", b"1"))
    calls = []
    looking = await connect(shared.socket_url, purpose="looking")
    for number, other in enumerate(others):
        ask = call(other, 2, 0, (1, None, "t", b"m"), n=number)
        calls.append(asyncio.ensure_future(ask))
        async with asyncio.timeout(30):
            while await looking.fetchval(waiting) <= number:
                await asyncio.sleep(0.01)
    await block.commit()
    assert [(await one)["head"] for one in calls] == [1, 2, 3]
    for one in (*others, looking):
        await one.close()


async def test_the_feed_is_cut_at_whole_writes(connection):
    for n in range(5):
        await call(connection, 1, n, (1, "tasks", f"{n}", b"1"), n=n)
    lines = await connection.fetch(sql.FEED, 1, 250)
    assert sorted({line["seq"] for line in lines}) == [2, 3, 4]
    assert await connection.fetch(sql.FEED, 5, 250) == []

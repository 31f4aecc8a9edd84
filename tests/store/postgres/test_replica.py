"""The order in memory: each write lands once, at its number, or not at all."""

import asyncio

import pytest

from drydockd.store import Put
from drydockd.store.backend import Loaded
from drydockd.store.memory import MemoryBackend
from drydockd.store.postgres import replica as module
from drydockd.store.postgres.replica import HistoryLost, Replica
from drydockd.store.postgres.rows import Written, link, written
from drydockd.store.records import Records
from drydockd.store.tables import Tables
from tests.store.helpers import a_task
from tests.store.postgres.told import lines


class Sent:
    def __init__(self, batch):
        self.batch = batch
        self.has_landed = False


@pytest.fixture
def replica():
    tables = Tables()
    made = Replica(tables, 1, 0, b"")
    made.begin(Records(MemoryBackend(), Loaded(tables)))
    return made


def others(count, first=1):
    """Writes of another daemon, chained."""
    found, chain = [], b""
    for seq in range(first, first + count):
        write = Written(seq, 2, seq, 5)
        chain = link(chain, write)
        line = (seq, 0, "driver_records", f"d/{seq}", b'{"key":"d/%d","driver":"d","document":{}}')
        found.append(write._replace(chain=chain, lines=[(*line[:4], line[4] % seq)]))
    return found


async def test_what_has_landed_does_not_land_again(replica):
    writes = others(5)
    await asyncio.gather(replica.apply(writes[:3]), replica.apply(writes), replica.apply(writes))
    assert replica.seq == replica._landing.seq == 5
    assert len(replica._landing.driver_records("d")) == 5
    assert replica.known == (5, writes[-1].chain)


async def test_what_is_told_twice_is_taken_apart_once(replica, monkeypatch):
    told = [line for write in others(5) for line in lines(write)]
    taken = []

    def note(some):
        taken.append(len(some))
        return written(some)

    monkeypatch.setattr(module, "written", note)
    first = replica.apply_lines(told[:6])
    landed = await asyncio.gather(first, replica.apply_lines(told), replica.apply_lines(told))
    assert [[write.seq for write in writes] for writes in landed] == [[1, 2, 3], [4, 5], []]
    assert taken == [6, 4, 0]
    assert replica.seq == replica._landing.seq == 5
    assert replica.known == (5, others(5)[-1].chain)


async def test_an_answer_that_does_not_follow_is_refused_whole(replica):
    writes = others(3)
    await replica.apply_lines(lines(writes[0]))
    elsewhere = [write._replace(chain=b"another") for write in writes]
    with pytest.raises(HistoryLost, match="write 2 of the database does not follow"):
        await replica.apply_lines([line for write in elsewhere for line in lines(write)])
    assert replica.seq == 1


async def test_an_answer_lands_behind_what_another_way_has_told_of_it(replica):
    writes = others(5)
    heads = b"".join(lines(write)[0][4] for write in writes)
    told = [(seq, table, key, doc) for w in writes for seq, _, table, key, doc in w.lines]
    await replica.apply(writes[:2])
    await replica.apply_answer(0, heads, told)
    assert replica.known == (5, writes[-1].chain)
    assert len(replica._landing.driver_records("d")) == 5


async def test_what_others_said_is_told_write_by_write_by_the_number_it_lands_with(replica):
    records = replica._landing
    await replica.apply(
        [Written(1, 2, 1, 5, lines=[(1, 0, "tasks", "a", b'{"task_id":"a","action":"noop"}')])]
    )
    told = []
    records.watch(lambda seq, news: told.append((seq, [(m.seq, m.message) for m in news])))
    doc = b'{"error":false,"message":"%s"}'
    for seq, texts in ((2, [b"x", b"y"]), (3, [b"z"])):
        said = [(seq, ord_, "messages", "a", doc % text) for ord_, text in enumerate(texts)]
        await replica.apply([Written(seq, 2, seq, 5, lines=said)])
    assert told == [(2, [(1, "x"), (2, "y")]), (3, [(3, "z")])]
    assert [message.message for message in records.messages("a")] == ["x", "y", "z"]
    assert replica.seq == records.seq == 3


async def test_own_writes_land_as_they_were_made_but_nobody_is_told_yet(replica):
    sent = Sent(replica._landing.stage([Put(a_task("a"))]))
    replica.pending = {7: sent}
    await replica.apply([Written(1, 1, 7, 5)])
    assert sent.has_landed
    assert replica.pending == {}
    assert replica._landing.task("a")


async def test_what_others_change_of_what_is_staged_is_noticed(replica):
    await replica.apply(others(1))
    assert not replica.is_dirty
    replica._landing.stage([Put(a_task("a"))])
    document = b'{"task_id":"a","action":"noop"}'
    await replica.apply([Written(2, 2, 1, 5, lines=[(2, 0, "tasks", "a", document)])])
    assert replica.is_dirty


async def test_a_write_that_does_not_follow_is_no_history_of_this_daemon(replica):
    writes = others(3)
    await replica.apply(writes[:1])
    with pytest.raises(HistoryLost, match="lost writes"):
        await replica.apply([writes[1]._replace(chain=b"another")])
    assert replica.seq == 1


async def test_a_gap_is_none_of_the_next_writes(replica):
    with pytest.raises(module._Trimmed):
        await replica.apply(others(3)[1:])
    assert replica.seq == 0

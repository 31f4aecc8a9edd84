"""No write is told before it is known, none is lost and none is done twice."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.errors import Conflict, StoreUnavailable
from drydockd.model import Task
from drydockd.store import Edit, Put, Remove
from drydockd.store.postgres import feed, join, writer
from tests.store.helpers import COMPLETE, RUNNING, a_message, a_task, everything, on_database
from tests.store.postgres.faults import Cut, lose


@pytest.fixture
def cut(monkeypatch):
    return Cut(monkeypatch, join, feed)


@pytest.mark.parametrize("what", ["asked", "answered"])
async def test_a_write_whose_answer_is_lost_is_done_once(pair, what):
    here, there = pair
    await here.write(Put(a_task("a")))
    told = []
    here.watch(lambda seq, news: told.append(seq))
    lose(here, what)
    writes = [
        here.write(
            Put(a_message("a", str(number))),
            Edit(Task, "a", lambda task: replace(task, retry=task.retry + 1)),
        )
        for number in range(10)
    ]
    await asyncio.gather(*writes)
    await there.fresh(10)
    for store in pair:
        assert [int(message.message) for message in store.messages("a")] == list(range(10))
        assert store.task("a").retry == 10
    assert told == list(range(2, 12))
    assert everything(here) == everything(there)
    assert here.health().error is None


async def test_a_write_that_others_were_ahead_of_when_its_answer_was_lost_is_evaluated_again(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    lose(here, "asked")
    one = asyncio.ensure_future(
        here.write(Edit(Task, "a", lambda task: replace(task, status=RUNNING)))
    )
    await there.write(Edit(Task, "a", lambda task: replace(task, status=COMPLETE)))
    with pytest.raises(Conflict):
        await one
    assert here.task("a").status is COMPLETE


async def test_what_could_not_be_sent_is_refused_when_patience_is_over(shared, cut):
    store = await on_database(shared, patience=0.3)
    await store.write(Put(a_task("a")))
    cut.cut(store)
    writes = [store.write(Put(a_task("b")), Put(a_message("a"))), store.write(Remove(Task, "a"))]
    outcomes = await asyncio.gather(*writes, return_exceptions=True)
    assert all(isinstance(outcome, StoreUnavailable) for outcome in outcomes)
    assert "refused by the test" in str(outcomes[0])
    assert store.health().error == str(outcomes[0])
    assert [task.task_id for task in store.tasks()] == ["a"]
    cut.is_on = False
    await store.write(Put(a_message("a")))
    assert store.health().error is None
    again = await on_database(shared, "again")
    assert everything(again) == everything(store)
    assert store.message_count("a") == 1
    await store.close()
    await again.close()


async def test_what_was_sent_waits_for_its_outcome_beyond_patience(shared, cut):
    store = await on_database(shared, patience=0.3)
    await store.write(Put(a_task("a")))
    lose(store, "answered")
    cut.is_on = True
    lossy = store.backend._writer._connection
    sent = asyncio.ensure_future(store.write(Put(a_message("a", "sent"))))
    await lossy.asked.wait()
    with pytest.raises(StoreUnavailable):
        await store.write(Put(a_message("a", "never sent")))
    assert not sent.done()
    cut.is_on = False
    await sent
    assert [message.message for message in store.messages("a")] == ["sent"]
    await store.close()


REFUSING = """
CREATE FUNCTION pg_temp_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.key = 'bad' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER refuse BEFORE INSERT ON drydock.record
    FOR EACH ROW EXECUTE FUNCTION pg_temp_refuse();
"""


@pytest.fixture
def refusing(shared):
    def refuse(code):
        shared.run(REFUSING % code)

    yield refuse
    shared.run("DROP FUNCTION IF EXISTS pg_temp_refuse CASCADE")


async def test_a_write_that_the_database_refuses_fails_alone(shared, refusing):
    refusing("22000")
    store = await on_database(shared)
    names = ["a", "b", "bad", "c"]
    outcomes = await asyncio.gather(
        *(store.write(Put(a_task(name))) for name in names), return_exceptions=True
    )
    assert [type(outcome) for outcome in outcomes] == [
        *(type(None), type(None), StoreUnavailable, type(None))
    ]
    assert [task.task_id for task in store.tasks()] == ["a", "b", "c"]
    await store.close()


async def test_a_full_disk_refuses_and_later_writes_work(shared, refusing):
    refusing("53100")
    store = await on_database(shared)
    with pytest.raises(StoreUnavailable, match="refused"):
        await store.write(Put(a_task("bad")))
    assert "refused" in store.health().error
    await store.write(Put(a_task("a")))
    assert store.health().error is None
    assert store.seq == 1
    await store.close()


async def test_many_writes_go_in_groups_of_bounded_size(shared, monkeypatch):
    monkeypatch.setattr(writer, "GROUP_WRITES", 10)
    monkeypatch.setattr(writer, "GROUP_BYTES", 2000)
    store = await on_database(shared)
    await store.write(Put(a_task("a")))
    sizes = []
    packed = writer.Packed

    def note(batches, sizes_of):
        sizes.append((len(batches), sum(sizes_of)))
        return packed(batches, sizes_of)

    monkeypatch.setattr(writer, "Packed", note)
    texts = ["x" * (3000 if number == 7 else 10) for number in range(45)]
    await asyncio.gather(*(store.write(Put(a_message("a", text))) for text in texts))
    assert [message.message for message in store.messages("a")] == texts
    assert max(count for count, _ in sizes) <= 10
    assert [count for count, size in sizes if size > 2000] == [1]
    await store.close()


async def test_who_is_behind_by_more_than_a_reply_holds_catches_up_and_writes(pair):
    here, there = pair
    await here.write(Put(a_task("a")))
    await there.fresh(10)
    asked = []
    fetchrow = there.backend._writer._connection.fetchrow

    class Behind:
        """Others write between the sending and the lock."""

        def __getattr__(self, name):
            return getattr(real, name)

        async def fetchrow(self, sql, *args):
            if not asked:
                await here.write(Put(a_message("a", "x" * 100_000)))
            reply = await fetchrow(sql, *args)
            asked.append(reply["verdict"])
            return reply

    real = there.backend._writer._connection
    there.backend._writer._connection = Behind()
    await there.write(Put(a_message("a", "behind")))
    assert asked == ["behind", "ok"]
    assert [m.message[:6] for m in there.messages("a")] == ["xxxxxx", "behind"]


async def test_a_second_process_of_the_same_name_ends_the_first(shared):
    lost = []
    first = await on_database(shared, "same", on_lost=lost.append)
    await first.write(Put(a_task("a")))
    second = await on_database(shared, "same")
    with pytest.raises(StoreUnavailable, match=r"cluster\.name"):
        await first.write(Put(a_task("b")))
    assert "'same'" in str(lost[0])
    await second.write(Put(a_task("c")))
    assert [task.task_id for task in second.tasks()] == ["a", "c"]
    await first.close()
    await second.close()

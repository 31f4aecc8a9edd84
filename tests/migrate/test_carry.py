"""What the original kept is in the store afterwards: once, whole, whatever came in between."""

import asyncio
import json
import uuid
from dataclasses import replace

import pytest

from drydockd.auth.bootkey import BootKeys, digest_of
from drydockd.errors import Forbidden, NotFound, StoreUnavailable
from drydockd.migrate import MOMENT_KEY, Carrier, Original
from drydockd.model import (
    Action,
    BootActionStatus,
    BootContext,
    Message,
    ResultStatus,
    TaskStatus,
    timestamp,
)
from drydockd.store import Put
from drydockd.store.memory import MemoryStore
from drydockd.store.tiny import open_tiny
from tests.migrate.original import KEYS, OLDER, REF, lived_in, odd, site

NOW = "2026-01-02T03:04:05.000006+00:00"
BOOT_KEYS = BootKeys(b"s" * 32, None)


async def carried(database, store, now=NOW):
    async with Original.opened(database.url) as original:
        carrier = Carrier(original, store, now)
        await carrier.run()
    return carrier.tally


def records(store):
    """Everything in a store, in the order of its keys; messages by task."""
    tables = store._tables
    rows = {name: {key: rows[key] for key in sorted(rows)} for name, rows in tables.rows.items()}
    said = {task_id: store.messages(task_id) for task_id in sorted(tables.logs)}
    return rows, said, {key: store.subtask_ids(key) for key in sorted(tables.children)}


@pytest.fixture
async def ids(postgres):
    async with site(postgres) as some:
        return await lived_in(some)


@pytest.fixture
def store():
    return MemoryStore()


async def test_a_finished_task_is_as_it_was(postgres, ids, store):
    tally = await carried(postgres, store)
    task = store.task(ids["deploy"])
    assert (task.action, task.status) == (Action.DEPLOY_NODES, TaskStatus.COMPLETE)
    assert task.result.status is ResultStatus.SUCCESS
    assert task.node_filter["filter_set"][0]["node_names"] == ["n1", "n2"]
    assert task.scope == ("n1", "n2")
    assert (task.design_ref, task.created_by) == (REF, "ops")
    assert task.created == "2025-03-01T12:13:00.123456+00:00"
    assert [link.href for link in task.result.links] == [
        "http://dd/tasks/1/builddata",
        "http://dd/2",
    ]
    assert (task.caller.user, task.caller.roles) == ("ops", ("admin",))
    assert store.subtask_ids(ids["deploy"]) == [ids["step"]]
    assert store.subtask_ids(ids["step"]) == [ids["earlier"], ids["n1"], ids["n2"], ids["n3"]]
    assert tally["tasks"].read == tally["tasks"].carried == 14
    assert not tally["tasks"].left_out


async def test_messages_keep_their_order_and_what_they_say(postgres, ids, store):
    await carried(postgres, store)
    cut, again = store.messages(ids["deploy"])
    assert cut.error
    assert cut.message.endswith("x ... (cut)")
    assert len(cut.message) == 1024
    assert (again.message, again.extra) == ("it tried again", {"retry": True})
    (told,) = store.messages(ids["n1"])
    assert (told.context_type, told.context, told.ts[:4]) == ("node", "n1", "2025")


@pytest.mark.parametrize(
    ("was", "status", "terminated_by"),
    [
        ("requested", TaskStatus.TERMINATED, "drydock migrate"),
        ("queued", TaskStatus.TERMINATED, "drydock migrate"),
        ("terminating", TaskStatus.TERMINATED, "drydock migrate"),
        ("running", TaskStatus.COMPLETE, None),
    ],
)
async def test_an_unfinished_task_is_ended_and_nothing_of_it_is_taken_up_by_the_daemon(
    postgres, ids, store, was, status, terminated_by
):
    await carried(postgres, store)
    task = store.task(ids[was])
    assert (task.status, task.result.status) == (status, ResultStatus.FAILURE)
    assert (task.terminated_by, task.result.failures) == (terminated_by, ("n2",))
    assert "moved to drydockd" in store.messages(ids[was])[-1].message
    assert store.unfinished() == []


async def test_a_nodes_old_key_opens_what_it_did_and_only_of_the_current_deployment(
    postgres, ids, store
):
    await carried(postgres, store)
    context = store.boot_context("n1")
    key = KEYS["n1"].hex()
    assert BOOT_KEYS.check_node(context, key) is context
    for word in ("open", "good", "bad", "silent"):
        action = store.boot_action(ids[f"n1 {word}"])
        assert BOOT_KEYS.check_action(action, context, key).name == word
    earlier = store.boot_action(ids["n1 earlier"])
    assert earlier.closed == store.task(ids["n1"]).created
    for old in (key, (b"e" * 32).hex()):
        with pytest.raises(Forbidden):
            BOOT_KEYS.check_action(earlier, context, old)
    with pytest.raises(Forbidden):
        BOOT_KEYS.check_node(context, KEYS["n2"].hex())
    # No key is kept, only what tells the right one.
    assert context.key_digest == digest_of(KEYS["n1"])
    assert key not in repr(records(store))


async def test_every_status_of_a_boot_action_is_kept(postgres, ids, store):
    await carried(postgres, store)
    found = [row.status for row in store.boot_actions("n2", context_id=ids["n2"])]
    assert found == [
        BootActionStatus.INCOMPLETE,
        BootActionStatus.SUCCESS,
        BootActionStatus.FAILURE,
        BootActionStatus.UNREPORTED,
    ]


async def test_the_key_of_a_node_that_was_destroyed_since_is_void(postgres, ids, store):
    tally = await carried(postgres, store)
    with pytest.raises(NotFound):
        BOOT_KEYS.check_node(store.boot_context("n3"), KEYS["n3"].hex())
    assert all(row.closed for row in store.boot_actions("n3"))
    assert any("destroyed" in note for note in tally.notes)


async def test_build_data_stays(postgres, ids, store):
    await carried(postgres, store)
    found = {data.generator: data for data in store.build_data(node="n1")}
    assert found["lshw"].data_element == "<node id='n1'/>"
    assert found["deploy:curtin"].data_element == "x" * 10_000
    assert found["lshw"].task_id == ids["n1"]


async def test_odd_rows_are_told_counted_and_not_carried(postgres, ids, store):
    async with site(postgres, "SELECT 1") as some:
        some._last = 100
        await odd(some, ids)
    tally = await carried(postgres, store)
    lines = list(tally.left_out())
    for line in (
        "1 tasks: action 'frobnicate_nodes' is unknown here (",
        "1 tasks: the task above it is not carried (",
        "1 tasks: created is null (",
        "1 tasks: status 'sleeping' is unknown here (",
        "1 tasks: node_filter is not JSON (",
        "1 tasks: no task above it is there",
        "1 messages: their task is not carried (",
        "1 messages: their task is gone",
        "1 messages: message is null (",
        "1 messages: error is null (",
        "1 messages: ts is null (",
        "1 messages: oversized: extra (",
        "1 boot keys: identity_key is null (no-key)",
        "1 boot keys: identity_key is not 32 bytes (short-key)",
        "1 boot keys: task_id is null (no-task)",
        "1 boot actions: action_status 'partial_success' is unknown here (",
        "1 boot actions: action_name is null (",
        "1 boot actions: action_id is not 16 bytes (",
        "1 boot actions: identity_key is not 32 bytes (",
        "1 build data: node_name is null (",
        "1 build data: data_element is empty (",
        "1 build data: generator is null (",
        "1 build data: oversized: data_element (",
        "1 build data: collected_date is null (",
    ):
        assert any(found.startswith(line) for found in lines), (line, lines)
    assert {name: kind.left_out for name, kind in tally.kinds.items()} == {
        "tasks": 6,
        "messages": 6,
        "boot keys": 3,
        "boot actions": 4,
        "build data": 5,
    }
    for kind in tally.kinds.values():
        assert kind.read == kind.carried + kind.there + kind.left_out
    assert len(store.tasks()) == 14


async def test_rows_with_moments_that_are_none_of_ours_are_odd_too(postgres, store):
    async with site(postgres) as some:
        task_id = await some.task()
        for column, moment in (("created", "infinity"), ("updated", "0044-03-15 BC")):
            await some.connection.execute(
                f"INSERT INTO tasks (task_id, action, status, created, {column}) "
                "VALUES ($1, 'noop', 'complete', now(), now())"
                if column != "created"
                else "INSERT INTO tasks (task_id, action, status, created) "
                "VALUES ($1, 'noop', 'complete', now())",
                some.new_id().bytes,
            )
            await some.connection.execute(
                f"UPDATE tasks SET {column} = '{moment}' WHERE task_id = $1",
                uuid.UUID(int=some._last << 64 | 4 << 76 | 8 << 60).bytes,
            )
    tally = await carried(postgres, store)
    assert tally["tasks"].left_out == 2
    assert [task.task_id for task in store.tasks()] == [task_id]


async def test_twice_gives_the_same_store(postgres, ids, store):
    await carried(postgres, store)
    first = records(store)
    tally = await carried(postgres, store, "2031-01-01T00:00:00.000000+00:00")
    assert records(store) == first
    for name, kind in tally.kinds.items():
        assert (name, kind.there, kind.carried) == (name, kind.read, 0)


@pytest.mark.slow
async def test_cut_off_anywhere_and_begun_again_gives_the_same_store(postgres, ids, monkeypatch):
    # Given what comes of it without a break, in writes of a few records each
    monkeypatch.setattr("drydockd.migrate.carry.WRITE_RECORDS", 3)
    unbroken = MemoryStore()
    await carried(postgres, unbroken)
    writes = unbroken.seq
    assert writes > 15
    for fatal in range(1, writes + 1):
        store = MemoryStore()
        write, made = store.write, []

        async def dying(*changes, write=write, made=made, fatal=fatal, **options):
            made.append(changes)
            if len(made) == fatal:
                raise StoreUnavailable("the disk is gone")
            await write(*changes, **options)

        # When it dies before one of them, and runs again later
        store.write = dying
        with pytest.raises(StoreUnavailable):
            await carried(postgres, store)
        store.write = write
        await carried(postgres, store, NOW if fatal == 1 else "2031-01-01T00:00:00.000000+00:00")
        # Then nobody can tell.
        assert records(store) == records(unbroken), fatal


async def test_a_task_of_very_many_messages_goes_on_where_it_was_cut_off(postgres, monkeypatch):
    monkeypatch.setattr("drydockd.migrate.carry.WRITE_RECORDS", 10)
    async with site(postgres) as some:
        task_id = await some.task(status="running")
        for number in range(35):
            await some.message(task_id, f"message {number}")
    store = MemoryStore()
    write = store.write

    async def dying(*changes, **options):
        if store.message_count(task_id) >= 20:
            raise StoreUnavailable("the disk is gone")
        await write(*changes, **options)

    store.write = dying
    with pytest.raises(StoreUnavailable):
        await carried(postgres, store)
    assert 0 < store.message_count(task_id) < 35
    store.write = write
    await carried(postgres, store)
    texts = [message.message for message in store.messages(task_id)]
    assert texts[:35] == [f"message {number}" for number in range(35)]
    assert len(texts) == 36


async def test_what_drydockd_did_since_is_not_touched(postgres, ids, store):
    await carried(postgres, store)
    # Given a node that drydockd has deployed anew, and a report on another
    newer = BootContext("n1", "newer", "newer", "file:///d", "d" * 64, timestamp())
    await store.write(Put(newer), Put(Message(ids["n2"], "reported since", ts=NOW)))
    action = replace(store.boot_action(ids["n2 open"]), status=BootActionStatus.SUCCESS)
    await store.write(Put(action))
    before = records(store)
    # When the move is made once more
    tally = await carried(postgres, store)
    # Then it stays so.
    assert records(store) == before
    assert any("drydockd has deployed the node itself since" in t for t in tally.left_out())


async def test_messages_of_a_daemon_in_the_midst_are_left_alone_and_told(postgres, ids, store):
    await carried(postgres, store)
    async with site(postgres, "SELECT 1") as some:
        await some.message(ids["n1"], "the original said this later")
    await store.write(Put(Message(ids["n1"], "reported since", ts=NOW)))
    before = records(store)
    tally = await carried(postgres, store)
    assert records(store) == before
    assert tally["messages"].left_out


async def test_a_schema_of_the_first_generation_is_read_as_well(postgres, store):
    async with site(postgres, OLDER) as some:
        task_id = await some.task("deploy_node")
        await some.context("n1", task_id, KEYS["n1"])
        action_id = await some.action("n1", task_id, KEYS["n1"], column="bootaction_id")
    await carried(postgres, store)
    action = store.boot_action(action_id)
    assert BOOT_KEYS.check_action(action, store.boot_context("n1"), KEYS["n1"].hex())


async def test_a_node_whose_task_was_purged_can_report_but_not_fetch(postgres, store):
    async with site(postgres) as some:
        gone = str(uuid.UUID(int=9))
        await some.context("n1", gone, KEYS["n1"])
        action_id = await some.action("n1", gone, KEYS["n1"])
    tally = await carried(postgres, store)
    context = store.boot_context("n1")
    assert context.design_ref == ""
    assert BOOT_KEYS.check_action(store.boot_action(action_id), context, KEYS["n1"].hex())
    assert any("not fetch boot data" in note for note in tally.notes)


async def test_tables_that_are_not_there_are_told(postgres, store):
    async with site(postgres) as some:
        await some.task()
        await some.connection.execute("DROP TABLE build_data, boot_action_status, result_message")
        await some.connection.execute("DROP TABLE boot_action, active_instance")
    tally = await carried(postgres, store)
    assert tally["tasks"].carried == 1
    assert any("no build data are carried" in note for note in tally.notes)


async def test_the_same_row_twice_is_one_record(postgres, store):
    async with site(postgres) as some:
        task_id, when = await some.task(), some.moment()
        for element in ("a", "b", "a"):
            await some.data("n1", task_id, element, collected_date=when)
    tally = await carried(postgres, store)
    assert sorted(d.data_element for d in store.build_data(node="n1")) == ["a", "b"]
    assert list(tally.left_out())[-1].startswith("1 build data: the same row twice (n1 ")


async def test_it_notes_when_it_began_and_that_it_ended(postgres, ids, store):
    await carried(postgres, store)
    assert store.driver_record(MOMENT_KEY).document == {"began": NOW, "finished": True}


async def test_it_is_on_disk(postgres, ids, tmp_path, store):
    await carried(postgres, store)
    kept = await open_tiny(tmp_path / "state")
    await carried(postgres, kept)
    await kept.close()
    again = await open_tiny(tmp_path / "state")
    rows, said, children = records(again)
    in_memory = records(store)
    assert rows["tasks"].keys() == in_memory[0]["tasks"].keys()
    assert rows["boot_contexts"] == in_memory[0]["boot_contexts"]
    assert rows["boot_actions"] == in_memory[0]["boot_actions"]
    assert (said, children) == in_memory[1:]
    assert again.build_data(node="n1") == store.build_data(node="n1")
    await again.close()


async def test_the_database_may_change_meanwhile_it_is_read_as_of_one_moment(
    postgres, ids, store, monkeypatch
):
    async with site(postgres, "SELECT 1") as some, Original.opened(postgres.url) as original:
        some._last = 200
        await some.message(await some.task(), "too late")
        carrier = Carrier(original, store, NOW)
        await carrier.run()
    assert carrier.tally["tasks"].read == 14
    assert len(store.tasks()) == 14
    assert json.dumps(list(carrier.tally.table()))


async def test_a_server_that_goes_away_is_an_error_that_says_so(postgres, ids, store):
    async with Original.opened(postgres.url) as original:
        postgres.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE application_name = 'drydock migrate'"
        )
        with pytest.raises(Exception, match=r"postgresql://drydock@127\.0\.0\.1") as found:
            await Carrier(original, store, NOW).run()
    assert "pg-secret" not in str(found.value)
    await asyncio.sleep(0)

"""A login at one daemon of several is one at all; the database does not give a token away."""

import json

import pytest

from drydockd.store import Edit, open_store
from drydockd.store.base import DriverRecord
from drydockd.web.sessions import IDLE_SECONDS, LONGEST_SECONDS, TELL_SECONDS, Sessions
from drydockd.web.sharing import OWNER, Sharing
from tests.web.test_attempts import Clock

SECRET = b"s" * 32


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def store():
    opened = await open_store("memory")
    yield opened
    await opened.close()


@pytest.fixture
def make(store, clock):
    """Sessions of one more daemon on the store; `most` and another secret, if wanted."""

    def made(secret=SECRET, most=10):
        sharing = Sharing(
            store,
            secret,
            longest_seconds=LONGEST_SECONDS,
            most=most,
            clock=lambda: clock.now + 1_000_000,
        )
        return Sessions(clock, sharing=sharing)

    return made


async def begun(sessions, token="token"):
    session_id = sessions.begin(token)
    await sessions.share(session_id)
    return session_id


async def test_a_session_that_one_daemon_began_is_known_to_the_others(make):
    one, other = make(), make()
    session_id = await begun(one)
    assert other.find(session_id).token == "token"
    assert other.find(session_id) is other.find(session_id)
    assert other.find(session_id + "x") is None
    assert other.find("\udcff") is None


async def test_it_ends_everywhere_at_once(make):
    one, other = make(), make()
    session_id = await begun(one)
    assert other.find(session_id)
    await other.finish(session_id)
    assert one.peek(session_id) is None
    assert one.find(session_id) is None
    await one.finish(session_id)


async def test_its_age_is_counted_from_its_beginning(make, clock):
    one, other = make(), make()
    session_id = await begun(one)
    for _ in range(int(LONGEST_SECONDS // 600) - 1):
        clock.now += 600
        assert one.find(session_id)
        await one.tell(session_id)
    clock.now += 601
    assert other.find(session_id) is None


async def test_use_at_one_daemon_keeps_it_at_the_others_and_is_told_now_and_then(
    make, clock, store
):
    one, other = make(), make()
    session_id = await begun(one)
    assert other.find(session_id)
    seq = store.seq
    clock.now += TELL_SECONDS - 1
    one.find(session_id)
    await one.tell(session_id)
    assert store.seq == seq
    clock.now += IDLE_SECONDS - TELL_SECONDS
    one.find(session_id)
    await one.tell(session_id)
    clock.now += IDLE_SECONDS - 1
    assert other.find(session_id)
    clock.now += IDLE_SECONDS
    assert one.find(session_id) is None
    assert other.find(session_id) is None


async def test_the_database_holds_neither_token_nor_id(make, store):
    session_id = await begun(make(), "secret-token")
    [record] = store.driver_records(OWNER)
    text = json.dumps(dict(record.document)) + record.key
    assert "secret-token" not in text
    assert session_id not in text


async def test_without_the_secret_or_with_another_records_content_it_is_no_session(make, store):
    one = make()
    first, second = await begun(one, "first"), await begun(one, "second")
    assert make(b"o" * 32).find(first) is None
    mine, others = store.driver_records(OWNER)
    await store.write(
        Edit(DriverRecord, mine.key, lambda old: DriverRecord(old.key, OWNER, others.document))
    )
    assert [make().find(one) is None for one in (first, second)].count(True) == 1


async def test_old_ones_and_the_one_unused_for_longest_make_room(make, clock, store):
    sessions = make(most=2)
    first = await begun(sessions)
    clock.now += 10
    second = await begun(sessions)
    third = await begun(sessions)
    assert [sessions.find(one) is None for one in (first, second, third)] == [True, False, False]
    clock.now += LONGEST_SECONDS + 1
    await begun(sessions)
    assert len(store.driver_records(OWNER)) == 1


async def test_a_session_that_is_gone_is_not_made_by_telling_of_it(make, clock, store):
    one, other = make(), make()
    session_id = await begun(one)
    one.find(session_id)
    await other.finish(session_id)
    await one.sharing.used(session_id)
    assert store.driver_records(OWNER) == []

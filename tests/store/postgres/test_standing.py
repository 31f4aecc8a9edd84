"""Who runs, who lags, who is set otherwise: as the database knows it."""

import asyncio

import pytest

from drydockd.errors import StoreRefused
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.standing import alive, differences, standing

MEMBERS = """
INSERT INTO drydock.member (name, beat, address, version, applied, settings) VALUES
    ('b', now() - interval '2 s', 'http://b:9000', '1.2', 90, '{"policy": "x", "limits": "1"}'),
    ('a', now() - interval '1 day', '', '1.1', 7, '{"policy": "y"}'),
    ('c', now() + interval '9 s', 'http://c:9000', '1.2', 101, '{"policy": "x", "limits": "1"}');
UPDATE drydock.head SET seq = 100;
UPDATE drydock.lease SET holder = (SELECT id FROM drydock.member WHERE name = 'b'),
    until = now() + interval '1 hour';
"""


async def seen(database):
    async with asked(database.url, "test") as connection:
        return await standing(connection)


def test_each_member_is_told_with_its_lag_and_silence(shared):
    shared.run(MEMBERS)
    a, b, c = asyncio.run(seen(shared))
    assert [one.name for one in (a, b, c)] == ["a", "b", "c"]
    assert [one.is_runner for one in (a, b, c)] == [False, True, False]
    assert [one.lag for one in (a, b, c)] == [93, 10, 0]
    assert a.silent_seconds >= 86400
    assert b.silent_seconds >= 2
    assert c.silent_seconds == 0
    assert (b.address, b.version, b.applied) == ("http://b:9000", "1.2", 90)
    assert (a.differs, b.differs, c.differs) == (("limits", "policy"), (), ())


def test_a_lease_that_is_over_is_nobodys(shared):
    shared.run(MEMBERS)
    shared.run("UPDATE drydock.lease SET until = now() - interval '1 s'")
    assert not any(one.is_runner for one in asyncio.run(seen(shared)))


def test_who_holds_the_lease_is_alive_however_silent(shared):
    shared.run(MEMBERS)
    shared.run("UPDATE drydock.lease SET holder = (SELECT id FROM drydock.member WHERE name = 'a')")
    assert [one.name for one in alive(asyncio.run(seen(shared)), 1)] == ["a", "c"]


def test_settings_that_are_none_are_told_with_the_member(shared):
    shared.run(MEMBERS)
    shared.run("UPDATE drydock.member SET settings = '{' WHERE name = 'a'")
    with pytest.raises(StoreRefused, match="member, a: settings are not JSON"):
        asyncio.run(seen(shared))


def test_where_nobody_runs_most_are_right():
    settings = {"a": {"x": "1"}, "b": {"x": "2"}, "c": {"x": "2"}}
    assert differences(settings, None) == {"a": ("x",), "b": (), "c": ()}
    assert differences(settings, "a") == {"a": (), "b": ("x",), "c": ("x",)}
    assert differences({}, None) == {}


def test_who_has_told_nothing_yet_differs_in_nothing():
    settings = {"a": {}, "b": {"x": "1"}, "c": {"x": "2"}, "d": {"x": "2"}}
    assert differences(settings, "b") == {"a": (), "b": (), "c": ("x",), "d": ("x",)}
    assert differences(settings, "a") == {"a": (), "b": ("x",), "c": (), "d": ()}

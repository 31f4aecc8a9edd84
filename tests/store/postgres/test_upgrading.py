"""The format of a database is raised when the last older daemon is gone."""

import asyncio

import pytest

from drydockd.errors import StoreRefused
from drydockd.store.postgres import schema, upgrading
from drydockd.store.postgres.asking import asked
from drydockd.store.postgres.upgrading import is_older, upgrade


@pytest.fixture
def newer(monkeypatch):
    """This drydockd knows two formats more than the database has."""
    monkeypatch.setattr(schema, "FORMAT", schema.FORMAT + 2)
    steps = {
        schema.FORMAT - 2: "CREATE TABLE drydock.first (a int)",
        schema.FORMAT - 1: "ALTER TABLE drydock.first RENAME TO second",
    }
    monkeypatch.setattr(upgrading, "STEPS", steps)
    return steps


def upgraded(database, version="2.0.0"):
    async def go():
        async with asked(database.url, "test") as connection:
            return await upgrade(connection, version, 60)

    return asyncio.run(go())


def member(database, name, version, silent=0):
    database.run(
        "INSERT INTO drydock.member (name, beat, version) VALUES"
        f" ('{name}', now() - interval '{silent} s', '{version}')"
    )


def test_each_format_is_made_of_the_one_before(spoilt, newer):
    member(spoilt, "gone", "1.9.9", silent=61)
    member(spoilt, "new", "2.0.0")
    assert upgraded(spoilt) == (schema.FORMAT - 2, schema.FORMAT)
    assert spoilt.run("SELECT format FROM drydock.head") == str(schema.FORMAT)
    assert spoilt.run("SELECT to_regclass('drydock.second') IS NOT NULL") == "t"
    assert upgraded(spoilt) == (schema.FORMAT, schema.FORMAT)


def test_an_older_daemon_that_lives_is_named_and_nothing_is_changed(spoilt, newer):
    member(spoilt, "d1", "1.9.9")
    member(spoilt, "d2", "")
    with pytest.raises(StoreRefused, match=r"d1 \(1\.9\.9\), d2 \(unknown version\)"):
        upgraded(spoilt)
    assert spoilt.run("SELECT format FROM drydock.head") == str(schema.FORMAT - 2)


def test_a_step_that_fails_leaves_the_format_as_it_was(spoilt, newer):
    newer[schema.FORMAT - 1] = "ALTER TABLE drydock.nothing RENAME TO second"
    with pytest.raises(StoreRefused):
        upgraded(spoilt)
    assert spoilt.run("SELECT format FROM drydock.head") == str(schema.FORMAT - 2)
    assert spoilt.run("SELECT to_regclass('drydock.first') IS NULL") == "t"


def test_a_database_of_a_newer_drydockd_is_refused(spoilt):
    spoilt.run("UPDATE drydock.head SET format = 99")
    with pytest.raises(StoreRefused, match="the database has format 99"):
        upgraded(spoilt)


def test_there_is_a_step_from_every_format():
    assert set(upgrading.STEPS) == set(range(1, schema.FORMAT))


@pytest.mark.parametrize(
    ("theirs", "ours", "older"),
    [
        ("1.9.9", "2.0.0", True),
        ("2.0.0", "2.0.0", False),
        ("2.0.1", "2.0.0", False),
        ("2.0.0.dev1", "2.0.0", True),
        ("10.0", "9.9", False),
        ("", "2.0.0", True),
    ],
)
def test_which_version_is_older(theirs, ours, older):
    assert is_older(theirs, ours) is older

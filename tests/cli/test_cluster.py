"""`drydock cluster`: what is printed of the daemons of a database."""

import asyncio
import json
import sys

import pytest
import yaml
from click.testing import CliRunner

from drydockd.cli.cluster import command
from drydockd.store import open_store
from tests.peers.postgres import PASSWORD


@pytest.fixture
def database(postgres):
    async def join():
        url = f"{postgres.url}?durable=no"
        for name in ("d1", "d2"):
            store = await open_store(
                "postgres", url=url, name=name, address=f"http://{name}:9000", version="1.2"
            )
            await store.close()

    asyncio.run(join())
    return postgres


def run(*arguments, **environ):
    return CliRunner().invoke(command, ["members", *map(str, arguments)], env=environ)


def hold(database, name):
    database.run(
        "UPDATE drydock.lease SET until = 'infinity',"
        f" holder = (SELECT id FROM drydock.member WHERE name = '{name}')"
    )


def test_who_runs_and_who_differs_is_a_table(database):
    hold(database, "d2")
    database.run("""UPDATE drydock.member SET settings = '{"policy": "' || name || '"}'""")
    result = run(DRYDOCKD_STORE__URL=database.url)
    assert result.exit_code == 0, result.output
    (head,) = (line for line in result.stdout.splitlines() if "Runner" in line)
    assert [word.strip() for word in head.strip("|").split("|")] == [
        *("Name", "Runner", "Applied", "Lag", "Silent s", "Version", "Address", "Differs in")
    ]
    one, two = (line for line in result.stdout.splitlines() if "http" in line)
    assert "policy" in one
    assert "yes" not in one
    assert "yes" in two


@pytest.mark.parametrize(("output", "read"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_the_same_as_data(database, output, read):
    hold(database, "d1")
    result = run("-o", output, DRYDOCKD_STORE__URL=database.url)
    found = read(result.stdout)
    assert [one["name"] for one in found] == ["d1", "d2"]
    assert [one["is_runner"] for one in found] == [True, False]
    assert set(found[0]) == {
        *("name", "address", "version", "is_runner", "applied", "lag", "silent_seconds", "differs")
    }


def test_with_nobody_who_runs_it_exits_with_1_and_says_so(database):
    result = run("-o", "json", DRYDOCKD_STORE__URL=database.url)
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)) == 2
    assert "nobody has the lease" in result.stderr


def test_a_database_that_is_none_of_ours_is_a_sentence(postgres):
    result = run(DRYDOCKD_STORE__URL=postgres.url)
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: postgresql://drydock@127.0.0.1:")
    assert "holds no store of drydockd" in result.stderr
    assert PASSWORD not in result.output


def test_without_the_library_it_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    result = run("--url", "postgresql://u@127.0.0.1:1/d")
    assert result.exit_code == 1
    assert "pip install 'drydockd[postgres]'" in result.output

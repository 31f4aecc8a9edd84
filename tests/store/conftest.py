"""A store of every backend, and a way to open it again; databases for those that share one."""

from typing import get_args

import pytest

from drydockd.config.options import Store
from drydockd.store import open_store
from drydockd.store.postgres.schema import statements
from tests.store.helpers import on_database

PARAMS = [
    pytest.param(name, marks=[pytest.mark.peer("postgres")] if name == "postgres" else [])
    for name in get_args(Store.model_fields["backend"].annotation)
]


@pytest.fixture(params=PARAMS)
def backend(request):
    """Every one there is."""
    return request.param


# As the schema is when it was just made. To make a database is the work of half a second, and to
# drop one is a checkpoint.
EMPTY = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid();
TRUNCATE drydock.write, drydock.change, drydock.message, drydock.record, drydock.member,
    drydock.lease, drydock.blob RESTART IDENTITY;
INSERT INTO drydock.lease VALUES ('runner', NULL, 0, '-infinity');
UPDATE drydock.head SET seq = 0, chain = '', secret_mark = NULL;
"""


@pytest.fixture(scope="session")
def shared_database(postgres_server):
    """One database with the schema, for whoever empties it."""
    database = postgres_server.database()
    database.run(statements())
    return database


@pytest.fixture
def shared(shared_database):
    """A database with an empty store."""
    shared_database.run(EMPTY)
    return shared_database


@pytest.fixture
async def store(backend, request, tmp_path):
    if backend == "postgres":
        opened = await on_database(request.getfixturevalue("shared"))
    else:
        opened = await open_store(backend, tmp_path / "state")
    yield opened
    await opened.close()


@pytest.fixture
async def tiny(tmp_path):
    opened = await open_store("tiny", tmp_path / "state")
    yield opened
    await opened.close()

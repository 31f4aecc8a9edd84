"""A store of every backend, and a way to open it again; databases for those that share one."""

from typing import get_args

import pytest

from drydockd.config.options import Store
from drydockd.store import open_store
from drydockd.store.postgres.schema import statements
from tests.store.helpers import on_database

TEMPLATE = "drydock_template"
PARAMS = [
    pytest.param(name, marks=[pytest.mark.peer("postgres")] if name == "postgres" else [])
    for name in get_args(Store.model_fields["backend"].annotation)
]


@pytest.fixture(params=PARAMS)
def backend(request):
    """Every one there is."""
    return request.param


@pytest.fixture(scope="session")
def store_template(postgres_server):
    """A database with an empty schema, to be copied: that takes a tenth of making one."""
    postgres_server.psql(f"CREATE DATABASE {TEMPLATE}")
    postgres_server.psql(statements(), TEMPLATE)
    return postgres_server


@pytest.fixture
def shared(store_template):
    """A database of the test's own with an empty store."""
    database = store_template.database(TEMPLATE)
    yield database
    store_template.drop(database)


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

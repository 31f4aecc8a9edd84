"""A run of the API's tests over several daemons; conftest.py asks for it where it is one.

Its tests share a loop, as they share daemons: see ONE_LOOP of test_balanced.py.
"""

import pytest_asyncio

from drydockd.store.postgres.schema import statements
from tests.handlers import helpers
from tests.handlers.balanced import Balanced
from tests.store.conftest import EMPTY


@pytest_asyncio.fixture(autouse=True, scope="session", loop_scope="session")
async def through_the_balancer(postgres_server, tmp_path_factory):
    def make():
        database = postgres_server.database()
        database.run(statements())
        return database

    helpers.instead = balanced = Balanced(tmp_path_factory.getbasetemp(), EMPTY, make)
    yield
    helpers.instead = None
    await balanced.close()

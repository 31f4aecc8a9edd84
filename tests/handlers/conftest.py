import os
from functools import partial

import pytest

from drydockd.store.postgres.schema import statements
from tests.handlers import balanced, helpers
from tests.handlers.helpers import daemon
from tests.store.conftest import EMPTY

# Set by test_balanced.py for a run of the suite over several daemons.
BALANCED = "DRYDOCKD_TEST_BALANCED"


@pytest.fixture(autouse=True, scope="session")
def _instead(request):
    if BALANCED not in os.environ:
        yield
        return
    database = request.getfixturevalue("postgres_server").database()
    database.run(statements())
    # Without the page, which is not theirs and costs time at each start.
    helpers.instead = partial(balanced.balanced, database, EMPTY, web={"enabled": False})
    yield
    helpers.instead = None


@pytest.fixture
async def drydock(tmp_path):
    async with daemon(tmp_path) as running:
        yield running

"""Two daemons' stores on one database."""

import pytest

from tests.store.helpers import on_database


@pytest.fixture
async def pair(shared):
    opened = [await on_database(shared, name) for name in ("a", "b")]
    yield opened
    for store in opened:
        await store.close()

"""Two daemons' stores on one database; and one whose schema a test may spoil."""

import pytest

from drydockd.store.postgres import schema
from tests.store.helpers import on_database

# What emptying it does not undo.
AS_MADE = f"""
REVOKE ALL ON ALL TABLES IN SCHEMA drydock FROM PUBLIC;
REVOKE ALL ON SCHEMA drydock FROM PUBLIC;
DROP TABLE IF EXISTS drydock.first, drydock.second;
INSERT INTO drydock.head (origin, format, cluster) VALUES (5, {schema.FORMAT}, '')
    ON CONFLICT (only_one) DO UPDATE SET format = {schema.FORMAT};
"""


@pytest.fixture
async def pair(shared):
    opened = [await on_database(shared, name) for name in ("a", "b")]
    yield opened
    for store in opened:
        await store.close()


@pytest.fixture
def spoilt(shared):
    """A database with an empty store, which is as it was made again afterwards."""
    yield shared
    shared.run(AS_MADE)

"""Processes that share a database, and databases to be shared."""

import contextlib

import pytest

from tests.peers import postgres as peer
from tests.store.several.sharing import Sharing


@pytest.fixture
def crew():
    with contextlib.ExitStack() as stack:
        yield Sharing(stack)


@pytest.fixture(scope="session")
def durable_server():
    """A durable server for tests that do it no harm."""
    with peer.running(is_durable=True) as server:
        yield server


@pytest.fixture
def database(durable_server):
    made = durable_server.database()
    yield made
    durable_server.drop(made)


@pytest.fixture
def three(crew, database):
    """Three processes that write to one database."""
    crew.url = database.url
    for name in ("a", "b", "c"):
        crew.join(name)
    crew.go()
    crew.each_writes(5)
    return crew

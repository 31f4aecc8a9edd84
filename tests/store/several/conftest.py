"""Processes that share a database, and databases to be shared."""

import contextlib

import pytest

from tests.store.several.sharing import Sharing, url_of


@pytest.fixture
def crew():
    with contextlib.ExitStack() as stack:
        yield Sharing(stack)


@pytest.fixture
def database(shared):
    """A database of a server that a test does no harm; see `url_of`."""
    return shared


@pytest.fixture
def three(crew, database):
    """Three processes that write to one database."""
    crew.url = url_of(database)
    for name in ("a", "b", "c"):
        crew.join(name)
    crew.go()
    crew.each_writes(5)
    return crew

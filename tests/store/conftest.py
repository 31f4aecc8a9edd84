"""A store of every backend, and a way to open it again."""

import pytest

from drydockd.store import open_store


@pytest.fixture(params=["memory", "tiny"])
def backend(request):
    """Adding a backend is one word here."""
    return request.param


@pytest.fixture
async def store(backend, tmp_path):
    opened = await open_store(backend, tmp_path / "state")
    yield opened
    await opened.close()


@pytest.fixture
async def tiny(tmp_path):
    opened = await open_store("tiny", tmp_path / "state")
    yield opened
    await opened.close()

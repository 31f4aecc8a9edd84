"""A store of every backend, and a way to open it again."""

from typing import get_args

import pytest

from drydockd.config.options import Store
from drydockd.store import open_store


@pytest.fixture(params=get_args(Store.model_fields["backend"].annotation))
def backend(request):
    """Every one there is."""
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

import pytest

from tests.handlers.helpers import daemon


@pytest.fixture
async def drydock(tmp_path):
    async with daemon(tmp_path) as running:
        yield running

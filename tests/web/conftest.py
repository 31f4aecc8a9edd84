import pytest

from tests.handlers.helpers import daemon
from tests.web.helpers import page


@pytest.fixture
async def drydock(tmp_path):
    async with daemon(tmp_path) as running:
        yield running


@pytest.fixture
async def browser(tmp_path):
    """A daemon with a browser that nobody is logged in with."""
    async with page(tmp_path) as opened:
        yield opened

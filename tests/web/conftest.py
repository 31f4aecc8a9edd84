import pytest

from tests.web.helpers import page


@pytest.fixture
async def browser(tmp_path):
    """A daemon with a browser that nobody is logged in with."""
    async with page(tmp_path) as opened:
        yield opened

import pytest

from drydockd.store import Put
from drydockd.web import taskwatch
from tests.handlers.helpers import daemon
from tests.web.helpers import page
from tests.web.tasking import Watched, record


@pytest.fixture
async def drydock(tmp_path):
    async with daemon(tmp_path) as running:
        yield running


@pytest.fixture
async def browser(tmp_path):
    """A daemon with a browser that nobody is logged in with."""
    async with page(tmp_path) as opened:
        yield opened


@pytest.fixture
async def watched(browser, monkeypatch):
    """A running task of the store, and who watches it; updates come at once."""
    monkeypatch.setattr(taskwatch, "PAUSE_SECONDS", 0.0)
    services = browser.drydock.app.services
    await services.store.write(Put(record()))
    return Watched(services, browser.drydock.app.dashboard.looks)

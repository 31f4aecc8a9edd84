from tests.handlers.test_nodes import ONE
from tests.web.helpers import text_of


async def test_the_machines_are_listed(browser):
    await browser.log_in("admin")
    await browser.drydock.task(action="prepare_nodes", node_filter=ONE)
    shown = await browser.get("/")
    assert "a01-control" in text_of(shown.text)

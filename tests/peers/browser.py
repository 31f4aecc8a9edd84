"""A real browser for tests: Debian's Chromium, driven by Playwright of an environment of its own.

Fixtures: `chromium`, one for each test, and `tab`, a page in a window without cookies. When
a test ends its `tab` must have asked nobody but the daemon, and its console must be empty.
"""

import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.peers.table import PEERS

AXE = Path(__file__).parents[1] / "data" / "axe" / "axe.min.js"


@pytest.fixture
def chromium():
    # For longer than a test would be quicker, but Playwright's loop runs in this thread as long as
    # its `with`, and no test with a loop of its own could run here meanwhile.
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = PEERS["browser"].environment / "lib" / version / "site-packages"
    # Behind ours: of what both have, the tests have theirs already.
    sys.path.append(str(packages))
    try:
        from playwright.sync_api import sync_playwright

        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            yield browser
            browser.close()
    finally:
        sys.path.remove(str(packages))


@dataclass
class Tab:
    """A page, what it asked for, and what its console said; `allowed` are parts of such words."""

    page: object
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)

    def listen(self):
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def another(self):
        """Another page in the same window: of the same person."""
        tab = Tab(self.page.context.new_page(), self.asked, self.said, self.allowed)
        tab.listen()
        return tab

    def strangers(self):
        """Hosts that were asked besides the one the page is from."""
        own = {url.netloc for url in map(urlsplit, self.asked) if url.hostname == "127.0.0.1"}
        return {urlsplit(url).netloc for url in self.asked} - own

    def complaints(self):
        return [text for text in self.said if not any(part in text for part in self.allowed)]

    def violations(self):
        """What axe finds wrong with the page as it is now: rule, and the first place."""
        self.page.evaluate(AXE.read_text())
        # Lines of a log are all alike, and hundreds of them take it minutes.
        alike = "#log-lines > li:nth-child(n + 20)"
        found = self.page.evaluate("alike => axe.run({exclude: [[alike]]})", alike)
        assert len(found["passes"]) > 10
        return [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]]


@pytest.fixture
def tab(chromium):
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.set_default_timeout(90_000)
    opened = Tab(context.new_page())
    opened.listen()
    yield opened
    context.close()
    assert opened.strangers() == set()
    assert opened.complaints() == []

"""The page names the daemons that share a store; one that has its own names none."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import httpx
import pytest

from drydockd.store import Member
from drydockd.web.daemons import shown
from tests.handlers.balanced import three
from tests.web.helpers import Browser, text_of


def member(name, silent=0.5):
    return Member(name, f"http://{name}:9000", "1.2", 7, False, silent, {})


@dataclass
class Cluster:
    """What `shown` reads of a cluster; the real one is in the tests of several daemons."""

    name: str = "b"
    runner: str | None = "a"
    others: list = field(default_factory=lambda: [member("a"), member("b"), member("c", 40)])
    differs: list = field(default_factory=list)

    @property
    def lease(self):
        return SimpleNamespace(runner=self.runner, ttl=6)

    def members(self):
        return self.others

    def differences(self):
        return self.differs


@pytest.fixture
async def admin(browser):
    await browser.log_in("admin")
    return browser


def of(admin, **what):
    return shown(SimpleNamespace(cluster=Cluster(**what)))


def test_who_runs_the_tasks_who_serves_and_who_is_silent():
    lines = of(None).lines
    said = [(line.name, line.state, line.look, line.is_here) for line in lines]
    assert said == [
        ("a", "runs the tasks", "busy", False),
        ("b", "serves", "good", True),
        ("c", "silent for 40 s", "bad", False),
    ]


def test_what_is_wrong_is_said():
    found = of(None, runner=None, differs=["a has another policy"]).troubles
    assert found == [
        "No daemon runs the tasks: they wait until one can.",
        "a has another policy",
    ]


async def test_a_daemon_alone_shows_no_others(admin):
    assert 'id="daemons"' not in (await admin.get("/")).text
    assert (await admin.get("/daemons")).status_code == 404


@pytest.mark.peer("postgres")
async def test_behind_a_balancer_one_logs_in_once_and_out_everywhere(tmp_path, postgres):
    async with (
        three(postgres, "SELECT 1", tmp_path, web={"enabled": True}) as daemons,
        daemons.asked() as drydock,
        httpx.AsyncClient(base_url=drydock.http.base_url, timeout=20) as http,
    ):
        browser = Browser(drydock, http)
        await browser.log_in("admin")
        made_by = set()
        for _ in range(6):
            page = await browser.get("/")
            assert page.status_code == 200
            made_by |= {word for word in ("d1", "d2", "d3") if f"{word} serves, made" in said(page)}
            made_by |= {w for w in ("d1", "d2", "d3") if f"{w} runs the tasks, made" in said(page)}
        assert made_by == {"d1", "d2", "d3"}
        assert (await browser.get("/daemons")).status_code == 200
        kept = dict(http.cookies)
        await browser.post("/logout", {"x": "y"})
        http.cookies.update(kept)
        for _ in range(3):
            assert (await browser.get("/")).status_code in (303, 401)


def said(page):
    return text_of(page.text)

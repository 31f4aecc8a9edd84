"""The page names the daemons that share a store; one that has its own names none."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from drydockd.store import Member
from drydockd.web.daemons import shown


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

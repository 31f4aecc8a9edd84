"""What others are like: asked with patience, and told as it was when they are silent."""

import asyncio
import shutil
from types import SimpleNamespace

import pytest

from drydockd.api.status import Dependency
from drydockd.errors import DriverTransient
from drydockd.handlers import outlook
from drydockd.handlers.outlook import Outlook


class Health:
    def __init__(self, **states):
        self.states, self.gate = states, asyncio.Event()
        self.gate.set()

    async def dependencies(self):
        await self.gate.wait()
        return [
            Dependency(name=name, state=state, cause=None) for name, state in self.states.items()
        ], []


class Provisioner:
    def __init__(self, *states):
        self.states, self.asked = states, 0

    async def list_nodes(self):
        self.asked += 1
        if isinstance(self.states[0], Exception):
            raise self.states[0]
        return [SimpleNamespace(status_name=state) for state in self.states]


@pytest.fixture
async def made(tmp_path):
    several = []

    def make(health, provisioner=None, folder=tmp_path):
        several.append(Outlook(health, provisioner, folder, timeout_seconds=5))
        return several[-1]

    yield make
    for one in several:
        await one.close()


async def test_what_is_there_is_up_or_down_and_what_is_not_is_no_number(made):
    found = made(Health(store="up", provisioner="down", keystone="none"))
    await found.look()
    assert list(found.up("provisioner")) == [("", 0.0)]
    assert list(found.up("keystone")) == []
    assert list(found.nodes()) == []


async def test_nodes_are_counted_by_state_and_not_asked_for_at_every_scrape(made):
    provisioner = Provisioner("Ready", "Deployed", "Ready")
    found = made(Health(provisioner="up"), provisioner)
    for _ in range(3):
        await found.look()
    assert list(found.nodes()) == [("Deployed", 1), ("Ready", 2)]
    assert provisioner.asked == 1


@pytest.mark.parametrize("error", [DriverTransient("away"), KeyError("a defect")])
async def test_a_provisioner_that_does_not_tell_its_nodes_is_asked_again(made, error):
    provisioner = Provisioner(error)
    found = made(Health(provisioner="up"), provisioner)
    await found.look()
    assert list(found.nodes()) == []
    provisioner.states = ("Ready",)
    await found.look()
    assert list(found.nodes()) == [("Ready", 1)]


async def test_a_scrape_waits_for_nobody_long_and_shows_what_was_known(made, monkeypatch):
    monkeypatch.setattr(outlook, "PATIENCE_SECONDS", 0.01)
    health = Health(keystone="up")
    found = made(health)
    await found.look()
    health.gate.clear()
    health.states = {"keystone": "down"}
    await found.look()
    assert list(found.up("keystone")) == [("", 1.0)]
    health.gate.set()
    await found.look()
    assert list(found.up("keystone")) == [("", 0.0)]


async def test_the_room_on_the_disk_is_that_of_the_state_directory(made, tmp_path):
    found = made(Health())
    await found.look()
    ((label, free),) = found.free()
    assert label == ""
    assert 0 < free <= shutil.disk_usage(tmp_path).total


async def test_a_disk_that_cannot_be_asked_is_no_number_and_the_log_says_why(
    made, tmp_path, caplog
):
    folder = tmp_path / "state"
    folder.mkdir()
    found = made(Health(provisioner="up"), folder=folder)
    await found.look()
    folder.rmdir()
    await found.look()
    assert list(found.free()) == []
    assert f"{folder}: No such file or directory" in caplog.text
    assert list(found.up("provisioner")) == [("", 1.0)]

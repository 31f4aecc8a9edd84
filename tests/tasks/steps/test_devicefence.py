"""What another daemon had sent to a BMC is ended before the first act, or it is said that it
cannot be."""

from dataclasses import replace

import pytest

from drydockd.drivers.oob.manual import ManualOob, ManualOptions
from drydockd.errors import DriverTransient
from drydockd.model import Action, Intent
from drydockd.store.base import Put
from drydockd.tasks.shared.recorder import Recorder
from drydockd.tasks.steps.devicefence import raise_fence
from drydockd.tasks.steps.job import NodeRun
from drydockd.tasks.words import records
from drydockd.tasks.words.requests import TaskRequest
from drydockd.tasks.words.times import moment_after
from tests.tasks.helpers import OPS, QUICK, SITE, Lab
from tests.tasks.shared.fencing import FakeLease

SESSION = "/redfish/v1/SessionService/Sessions/7"


class Ender(ManualOob):
    """A driver that can end sessions; the first tries fail."""

    def __init__(self, failures=0):
        super().__init__(ManualOptions())
        self.failures, self.ended = failures, []

    async def end_session(self, node, session, voice):
        if self.failures:
            self.failures -= 1
            raise DriverTransient(f"{node.name}: no answer")
        self.ended.append((node.name, session))


class Scene:
    """A task on `west` whose nodes were at work on another daemon."""

    def __init__(self, lab, job):
        self.lab, self.job = lab, job

    async def run(self, name="n1", **intent):
        task_id = self.job.task_id
        if intent:
            key = f"{task_id}/{name}/power_off"
            await self.lab.store.write(Put(Intent(key, task_id, name, "power_off", "t", **intent)))
        recorder = Recorder(self.lab.store, FakeLease("west"))
        return NodeRun(self.job, name, task_id, recorder, QUICK, until=moment_after(20))

    @property
    def said(self):
        return self.lab.texts(self.job.task_id)


@pytest.fixture
async def scene():
    lab = Lab()
    task = replace(records.top_level(TaskRequest(Action.NOOP, SITE), OPS), scope=("n1", "n2"))
    await lab.store.write(Put(task))
    return Scene(lab, await lab.job(task))


async def test_the_session_of_the_open_intent_is_ended_once(scene):
    driver = Ender()
    run = await scene.run(member="east", session=SESSION)

    await raise_fence(run, driver)
    await raise_fence(run, driver)

    assert driver.ended == [("n1", SESSION)]
    assert scene.said == []


async def test_a_bmc_that_is_away_is_asked_until_it_answers(scene):
    driver = Ender(failures=3)

    await raise_fence(await scene.run(member="east", session=SESSION), driver)

    assert driver.ended == [("n1", SESSION)]


async def test_a_settled_intent_leaves_nothing_to_end(scene):
    driver = Ender()

    await raise_fence(await scene.run(member="east", session=SESSION, closed="t"), driver)

    assert driver.ended == []


async def test_a_node_with_nothing_begun_needs_no_fence(scene):
    driver = Ender()

    await raise_fence(await scene.run(), driver)

    assert (driver.ended, scene.said) == ([], [])


async def test_bmcs_without_sessions_are_told_of_once_in_the_task(scene):
    driver = ManualOob(ManualOptions())

    for name in ("n1", "n2"):
        await raise_fence(await scene.run(name, member="east"), driver)

    (text,) = scene.said
    assert "n1: was taken over from east" in text
    assert "no way to end what it had sent" in text


@pytest.mark.parametrize("member", [None, "west"])
async def test_what_was_its_own_is_not_worth_a_word(scene, member):
    await raise_fence(await scene.run(member=member), ManualOob(ManualOptions()))

    assert scene.said == []

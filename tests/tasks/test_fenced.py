"""A runner that another one followed: whatever it was doing, it writes and fails nothing more."""

import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.drivers.oob.fake import FakeOob
from drydockd.model import TaskStatus
from drydockd.tasks import Tasks
from tests.tasks.helpers import KEYS, Lab, names, site_text
from tests.tasks.shared.fencing import FakeLease, FencedStore

INITIAL = {
    "prepare_nodes": {},
    "deploy_nodes": {"initial": "ready"},
    "destroy_nodes": {"initial": "deployed"},
}
pytestmark = pytest.mark.slow


class SharedLab(Lab):
    """A lab of one of two daemons; `hand_over` ends the epoch and goes on as the other one."""

    lease = FakeLease("east")

    def _new(self):
        return Tasks(
            self.store, self.designs, self.drivers, KEYS, self.settings, authority=self.lease
        )

    async def hand_over(self):
        before = self.lease.member
        await self.kill()
        self.lease = FakeLease("west", epoch=self.store.epoch)
        self.tasks = self._new()
        await self.tasks.start(before)
        self._went_down.clear()
        self._is_up.set()


def a_lab(**room):
    store = FencedStore()
    lab = SharedLab(site_text(1), store=store, **room)
    lab.lease = FakeLease("east")
    lab.tasks = lab._new()
    return lab


async def until_idle():
    """Let everything go on that can."""
    for _ in range(200):
        await asyncio.sleep(0)


@pytest.mark.parametrize("action", ["prepare_nodes", "deploy_nodes", "destroy_nodes"])
async def test_a_task_whose_runner_was_followed_goes_on_elsewhere_as_if_nothing_was(action):
    room = INITIAL[action]
    at, has_ended = 1, True
    while has_ended:
        async with a_lab(**room) as lab:
            lab.store.ends_at = at
            task = await lab.submit(action, all_nodes=True)
            while not (lab.store.ended.is_set() or lab.store.task(task.task_id).status.is_final):
                await lab.tasks.wait(task.task_id, 0.01)
            has_ended = lab.store.ended.is_set()
            if has_ended:
                await until_idle()
                assert lab.lease.reasons
                assert not any(t.status.is_final and _failed(t) for t in lab.tree(task.task_id))
                # What nodes report is taken by any daemon; for tasks nothing is tried any more.
                tried = guarded(lab)
                await until_idle()
                assert guarded(lab) == tried, at
                await lab.hand_over()
            ended = await lab.finished(task.task_id)
            assert ended.status is TaskStatus.COMPLETE
            assert ended.result.successes == names(1), (at, lab.said(task.task_id))
            assert all(not m.error for m in lab.store.messages(task.task_id))
            machine = await lab.machine("n1")
            assert machine.counters["power_cuts"] <= 1
            assert machine.counters["wipes"] == (action == "destroy_nodes")
            assert machine.counters["deployments"] == (action == "deploy_nodes")
        at += 2
    assert at > 10


def guarded(lab):
    """How many writes of tasks there were, or would have been."""
    return sum(guard is not None for guard in lab.store.guards)


def _failed(task):
    return task.result.status == "failure"


async def test_the_next_runner_says_from_whom_it_took_the_work():
    async with a_lab(initial="ready") as lab:
        lab.store.ends_at = 12
        task = await lab.submit("deploy_nodes", all_nodes=True)
        await lab.store.ended.wait()

        await lab.hand_over()

        await lab.finished(task.task_id)
        assert any("aken over from east" in text for text in lab.said(task.task_id))


async def test_every_write_of_a_task_is_guarded_and_every_act_asked_for():
    async with a_lab() as lab:
        await lab.run("prepare_nodes", all_nodes=True)

        assert lab.lease.asked > 3
        unguarded = [guard for guard in lab.store.guards if guard is None]
        # The task itself: any daemon may create one.
        assert len(unguarded) == 1
        assert len(lab.store.guards) > 20


async def test_an_intent_names_the_daemon_and_its_epoch():
    async with a_lab() as lab:
        task = await lab.run("prepare_nodes", all_nodes=True)

        intents = [i for t in lab.tree(task.task_id) for i in lab.store.intents(t.task_id)]
        assert {(i.member, i.epoch) for i in intents} == {("east", 1)}


class EndingOob(FakeOob):
    """BMCs whose sessions can be ended."""

    def __init__(self, events, **options):
        super().__init__(**options)
        self.events = events

    async def end_session(self, node, session, voice):
        self.events.append(f"ended {session}")


class SwitchingProvisioner(FakeNodeProvisioner):
    """Switches machines through their BMCs, in sessions; its first work never comes to an end."""

    cuts_power = True

    def __init__(self, events, **options):
        super().__init__(**options)
        self.events = events
        self.begun = asyncio.Event()

    async def _work(self, name, voice):
        self.events.append(name)
        if not self.begun.is_set():
            await voice.fence("/Sessions/1")
            self.begun.set()
            await asyncio.Event().wait()

    async def commission(self, handle, voice):
        await self._work("commission", voice)
        return await super().commission(handle, voice)

    async def deploy(self, handle, spec, voice):
        await self._work("deploy", voice)
        return await super().deploy(handle, spec, voice)

    async def destroy(self, node, voice):
        await self._work("destroy", voice)
        return await super().destroy(node, voice)


@pytest.mark.parametrize(
    ("action", "work", "initial"),
    [
        ("prepare_nodes", "commission", "unknown"),
        ("deploy_nodes", "deploy", "ready"),
        ("destroy_nodes", "destroy", "deployed"),
    ],
)
async def test_what_a_provisioner_had_sent_to_a_bmc_is_ended_before_it_goes_on(
    action, work, initial
):
    room = {} if initial == "unknown" else {"initial": initial}
    lab, events = a_lab(**room), []
    driver = SwitchingProvisioner(events, room=lab.room)
    lab.drivers.oob[0] = EndingOob(events, room=lab.room)
    lab.drivers = replace(lab.drivers, node=driver)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit(action, all_nodes=True)
        async with asyncio.timeout(20):
            await driver.begun.wait()

        await lab.hand_over()

        assert (await lab.finished(task.task_id)).result.status == "success"
    assert events[:3] == [work, "ended /Sessions/1", work]

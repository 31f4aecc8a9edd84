import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from drydockd.errors import (
    Conflict,
    InvalidFilter,
    InvalidInput,
    NotFound,
    StoreUnavailable,
    Unavailable,
)
from drydockd.model import Action, Result, ResultStatus, Task, TaskStatus, timestamp
from drydockd.store.base import Edit, Put
from drydockd.store.memory import MemoryStore
from drydockd.tasks import TaskRequest, service
from drydockd.tasks.actions import noop
from drydockd.tasks.schedule import wishes
from drydockd.tasks.words import messages, states
from tests.tasks.helpers import OPS, SITE, Lab, fault, hold, names, site_text


async def test_creating_a_task_answers_at_once_even_when_the_design_source_hangs():
    async with Lab() as lab:
        lab.designs.gate.clear()
        async with asyncio.timeout(20):
            task = await lab.submit("noop", "n1")

        assert task.status == "queued"
        assert (task.created_by, task.caller) == ("ops", OPS)
        lab.designs.gate.set()
        assert (await lab.finished(task.task_id)).result.status == "success"


async def test_the_source_is_asked_once_in_the_callers_name():
    async with Lab(initial="ready") as lab:
        await lab.run("deploy_nodes")

        assert lab.designs.asked == [(SITE, "marker-1", "captain")]


async def test_subtasks_act_for_the_same_caller_on_the_same_design():
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes", "n1")

        assert task.caller == OPS
        for member in lab.tree(task.task_id):
            assert member.created_by == "ops"
            assert member.design == task.design != ""


@pytest.mark.parametrize(
    "node_filter",
    [
        {},
        {"filter_set_type": "union", "filter_set": [{"filter_type": "union", "node_name": ["a"]}]},
        {"filter_set_type": "union", "filter_set": [{"filter_type": "union", "node_names": "n1"}]},
        {"filter_set_type": "sum", "filter_set": []},
    ],
)
async def test_a_malformed_filter_is_refused_and_nothing_is_created(node_filter):
    async with Lab() as lab:
        with pytest.raises(InvalidFilter):
            await lab.tasks.submit(TaskRequest(Action.VERIFY_NODES, SITE, node_filter), OPS)
        assert lab.store.tasks() == []


async def test_a_drivers_action_cannot_be_created():
    async with Lab() as lab:
        with pytest.raises(InvalidInput, match="Unsupported action deploy_node"):
            await lab.submit("deploy_node")


async def test_while_draining_nothing_is_created():
    async with Lab() as lab:
        await lab.tasks.drain(0.1)
        with pytest.raises(Unavailable, match="shutting down"):
            await lab.submit("noop")


class Refusing(MemoryStore):
    """Holds its first write back, then refuses it; a full disk cannot be had on demand."""

    def __init__(self):
        super().__init__()
        self.held = asyncio.Event()
        self.refuse = asyncio.Event()

    async def write(self, *changes):
        if not self.held.is_set():
            self.held.set()
            await self.refuse.wait()
            raise StoreUnavailable("no space left on device")
        await super().write(*changes)


@pytest.mark.parametrize(
    ("end", "error"),
    [
        (lambda store, _: store.refuse.set(), StoreUnavailable),
        (lambda _, creation: creation.cancel(), asyncio.CancelledError),
    ],
    ids=["refused", "cancelled"],
)
async def test_a_task_that_is_not_stored_or_cannot_be_holds_nobody_up(end, error):
    store = Refusing()
    async with Lab(store=store) as lab:
        creation = asyncio.create_task(lab.submit("noop", "n1"))
        await store.held.wait()
        behind = await lab.submit("noop", "n1")
        assert (await lab.finished(behind.task_id)).result.status == "success"

        end(store, creation)
        with pytest.raises(error):
            await creation

        assert (await lab.run("verify_nodes", "n1")).result.status == "success"
        assert len([t for t in store.tasks() if t.parent_task_id is None]) == 2


# -- stopping ----------------------------------------------------------------------------


async def stopped_after(writes, action, **room):
    """Ask a task on two nodes to stop at its write number `writes`; None if it was over."""
    lab = Lab(site_text(2), **room)
    async with lab:
        task = await lab.submit(action, all_nodes=True)
        count = 0

        def seen(*_):
            nonlocal count
            count += 1

        lab.store.watch(seen)
        await lab.until(lambda: count >= writes or lab.store.task(task.task_id).status.is_final)
        try:
            await lab.tasks.terminate(task.task_id, OPS)
        except Conflict:
            return None
        task = await lab.finished(task.task_id)
        return task, lab, await lab.room.machines()


async def test_a_wish_that_is_kept_is_heard_though_the_disk_is_full_behind_it(monkeypatch):
    async with Lab(latencies={"commission": 0.5}) as lab:
        task = await lab.submit("prepare_nodes", all_nodes=True)
        await lab.until(
            lambda: any(sub.action == "configure_hardware" for sub in lab.tree(task.task_id))
        )
        write, refused = lab.store.write, []

        async def write_unless_full(*changes, **more):
            if any(
                getattr(one.edit, "func", None) is wishes._asked_if_open for one in edits(changes)
            ):
                refused.append(changes)
                raise StoreUnavailable("no space left on device")
            await write(*changes, **more)

        monkeypatch.setattr(lab.store, "write", write_unless_full)
        assert (await lab.tasks.terminate(task.task_id, OPS)).terminate
        await lab.finished(task.task_id)

        assert refused
        assert {sub.status for sub in lab.tree(task.task_id)} <= {"complete", "terminated"}
        assert lab.store.task(task.task_id).status == "terminated"


def edits(changes):
    return [one for one in changes if isinstance(one, Edit)]


@pytest.mark.parametrize(
    ("action", "room"),
    [
        ("prepare_nodes", {}),
        ("deploy_nodes", {"initial": "ready"}),
        ("destroy_nodes", {"initial": "ready"}),
        ("verify_nodes", {}),
        ("prepare_site", {}),
    ],
)
async def test_a_task_can_be_stopped_at_every_stage(action, room):
    writes = 0
    while (outcome := await stopped_after(writes, action, **room)) is not None:
        task, lab, machines = outcome
        writes += 3
        assert (task.status, task.result.status) == ("terminated", "failure")
        assert (task.result.message, task.terminated_by) == ("Action terminated.", "ops")
        assert sorted(task.result.successes + task.result.failures) == sorted(task.scope)
        for member in lab.tree(task.task_id):
            assert member.status.is_final, (writes, member)
        for machine in machines:
            # Whoever cut the power gave it back.
            assert machine.counters["power_cuts"] == 0 or machine.power == "on"
    assert writes > 3


async def test_a_queued_task_ends_at_once_and_its_nodes_are_free(monkeypatch):
    gate = hold(monkeypatch, noop)
    async with Lab() as lab:
        first = await lab.submit("noop", "n1")
        second = await lab.submit("noop", "n1")
        third = await lab.submit("noop", "n1")
        await lab.until(lambda: lab.store.task(second.task_id).design)

        ended = await lab.tasks.terminate(second.task_id, OPS)

        assert (ended.status, ended.result.failures) == ("terminated", ("n1",))
        gate.set()
        for task in (first, third):
            assert (await lab.finished(task.task_id)).result.status == "success"
        assert lab.store.task(second.task_id) == ended


async def test_a_task_whose_design_is_being_loaded_can_be_stopped():
    async with Lab() as lab:
        lab.designs.gate.clear()
        task = await lab.submit("noop")
        await asyncio.sleep(0)
        assert (await lab.tasks.terminate(task.task_id, OPS)).status == "terminated"
        lab.designs.gate.set()


async def test_stopping_reaches_the_whole_tree_and_twice_is_safe():
    lab = Lab(initial="ready", faults=[fault("never_reports")])
    lab.with_settings(bootaction_final_status=30)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(
            lambda: (
                sum(
                    t.action == "bootaction_report"
                    and len(t.scope) == 1
                    and not lab.store.subtask_ids(t.task_id)
                    for t in lab.tree(task.task_id)
                )
                == 3
            )
        )
        stopping = await lab.tasks.terminate(task.task_id, OPS)
        assert (stopping.status, stopping.terminate) == ("terminating", True)
        assert (await lab.tasks.terminate(task.task_id, OPS)).terminated == stopping.terminated
        await lab.finished(task.task_id)

        report = [t for t in lab.tree(task.task_id) if t.action == "bootaction_report"]
        assert {t.status for t in report} == {"terminated"}
        assert {t.result.message for t in report} == {"Action terminated."}


async def test_what_cannot_be_stopped_is_refused():
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes", "n1")
        with pytest.raises(Conflict, match="complete already"):
            await lab.tasks.terminate(task.task_id, OPS)
        with pytest.raises(Conflict, match=f"subtask of {task.task_id}"):
            await lab.tasks.terminate(lab.store.subtask_ids(task.task_id)[0], OPS)
        with pytest.raises(NotFound):
            await lab.tasks.terminate("no-such-task", OPS)


# -- retrying ----------------------------------------------------------------------------


async def test_a_retry_is_a_new_task_for_the_nodes_that_failed_linked_both_ways():
    lab = Lab(initial="ready", faults=[fault("reports_failure", "n2", times=1)])
    async with lab:
        task = await lab.run("deploy_nodes")
        assert task.result.failures == ("n2",)
        again = await lab.tasks.retry(task.task_id, OPS)

        assert (again.retry_of, again.action, again.status) == (
            task.task_id,
            "deploy_nodes",
            "queued",
        )
        assert lab.store.task(task.task_id).retried_by == (again.task_id,)
        assert (await lab.finished(again.task_id)).scope == ("n2",)


async def test_a_task_that_never_knew_its_nodes_is_retried_as_it_was():
    async with Lab() as lab:
        lab.designs.is_away = True
        task = await lab.run("noop", "n2")
        assert task.result.status == "failure"
        lab.designs.is_away = False
        again = await lab.tasks.retry(task.task_id, OPS)

        assert (await lab.finished(again.task_id)).result.successes == ("n2",)


async def test_a_stopped_task_is_retried_for_what_was_left():
    async with Lab() as lab:
        lab.designs.gate.clear()
        task = await lab.submit("noop", "n2")
        await lab.tasks.terminate(task.task_id, OPS)
        lab.designs.gate.set()
        again = await lab.tasks.retry(task.task_id, OPS)
        assert (await lab.finished(again.task_id)).result.successes == ("n2",)


async def test_what_cannot_be_retried_is_refused():
    lab = Lab()
    lab.with_settings(noop_seconds=1)
    lab.tasks = lab._new()
    async with lab:
        done = await lab.run("verify_nodes")
        with pytest.raises(Conflict, match="no failed node"):
            await lab.tasks.retry(done.task_id, OPS)
        with pytest.raises(Conflict, match="subtask"):
            await lab.tasks.retry(lab.store.subtask_ids(done.task_id)[0], OPS)
        running = await lab.submit("noop")
        with pytest.raises(Conflict, match="when it has ended"):
            await lab.tasks.retry(running.task_id, OPS)


# -- waiting for a change ----------------------------------------------------------------


async def test_a_long_poll_ends_with_a_change_with_the_end_and_with_its_time():
    lab = Lab()
    lab.with_settings(noop_seconds=0.1)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("noop")
        async with asyncio.timeout(20):
            changed = await lab.tasks.wait(task.task_id, 30)
            assert changed.updated > task.updated
            while not (await lab.tasks.wait(task.task_id, 30)).status.is_final:
                pass
            assert (await lab.tasks.wait(task.task_id, 30)).status == "complete"
        lab.designs.gate.clear()
        waiting = await lab.submit("noop")
        assert (await lab.tasks.wait(waiting.task_id, 0.01)).status == "queued"
        with pytest.raises(NotFound):
            await lab.tasks.wait("no-such-task", 1)


# -- retention ---------------------------------------------------------------------------


async def test_old_trees_are_purged_at_the_start_and_younger_ones_stay():
    lab = Lab()
    old = timestamp(datetime.now(UTC) - timedelta(days=91))
    young = timestamp(datetime.now(UTC) - timedelta(days=89))
    for task_id, created in (("old", old), ("young", young)):
        done = Task(task_id, Action.NOOP, status=TaskStatus.COMPLETE, created=created)
        await lab.store.write(Put(done))
    lab.with_settings(retention_days=90)
    lab.tasks = lab._new()
    async with lab:
        await asyncio.sleep(0)
        assert [t.task_id for t in lab.store.tasks()] == ["young"]
        await lab.tasks.drain(0)


# -- draining ----------------------------------------------------------------------------


async def test_a_drain_ends_no_deployment_and_the_next_start_takes_it_up():
    lab = Lab(initial="ready", latencies={"deploy": 0.2})
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) > 0)
        await lab.tasks.drain(1)
        assert lab.store.task(task.task_id).status == "running"

        await lab.restart()
        task = await lab.finished(task.task_id)

        assert (task.result.status, task.result.successes) == ("success", names(3))
        assert set((await lab.counters("deployments")).values()) == {1}
        assert any(text.startswith("Interrupted after") for text in lab.texts(task.task_id))


async def test_a_drain_lets_a_power_cycle_finish():
    lab = Lab(site_text(1), latencies={"power": 0.1})
    async with lab:
        task = await lab.submit("prepare_nodes")
        await lab.until(
            lambda: [
                t
                for t in lab.tree(task.task_id)
                if t.action == "power_cycle_node" and lab.store.intents(t.task_id)
            ]
        )
        await lab.tasks.drain(20)

        (machine,) = await lab.room.machines()
        assert machine.power == "on"
        last = lab.tree(task.task_id)[-1]
        assert (last.action, last.result.status) == ("power_cycle_node", "success")


async def changed_often(lab, monkeypatch, *scope):
    """Return who waits for a running task of so many nodes that changed a hundred times."""
    monkeypatch.setattr(service, "GATHERING_PER_NAME", 60)
    monkeypatch.setattr(service, "LONGEST_GATHERING", 60)
    running = Task("t1", Action.NOOP, status=TaskStatus.RUNNING, scope=scope, created=timestamp())
    await lab.store.write(Put(running))
    waiting = asyncio.create_task(lab.tasks.wait("t1", 60))
    for number in range(100):
        await asyncio.sleep(0)
        await lab.store.write(Put(messages.on_task("t1", f"{number}")))
    return waiting


async def test_who_waits_for_a_large_task_is_not_woken_by_each_change_but_by_its_end(monkeypatch):
    async with Lab() as lab:
        waiting = await changed_often(lab, monkeypatch, *names(3000))
        await asyncio.sleep(0)
        assert not waiting.done()

        end = partial(states.ended, result=Result(ResultStatus.SUCCESS), now=timestamp())
        await lab.store.write(Edit(Task, "t1", end))
        async with asyncio.timeout(5):
            assert (await waiting).status == "complete"


async def test_who_waits_for_a_small_task_is_woken_by_its_first_change(monkeypatch):
    async with Lab() as lab:
        waiting = await changed_often(lab, monkeypatch)
        async with asyncio.timeout(5):
            assert (await waiting).status == "running"


async def test_gathering_ends_and_the_limit_of_the_wait_holds_meanwhile(monkeypatch):
    async with Lab() as lab:
        waiting = await changed_often(lab, monkeypatch, *names(3000))
        waiting.cancel()
        for seconds, longest in ((0.01, 60), (60, 0.01)):
            monkeypatch.setattr(service, "LONGEST_GATHERING", longest)
            waiting = asyncio.create_task(lab.tasks.wait("t1", seconds))
            await asyncio.sleep(0)
            await lab.store.write(Put(messages.on_task("t1", "once more")))
            async with asyncio.timeout(5):
                assert (await waiting).status == "running"


async def test_a_task_says_once_which_nodes_of_its_filter_do_not_exist():
    async with Lab() as lab:
        task = await lab.run("verify_nodes", "n1", "nn2")

        (said,) = [m for m in lab.store.messages(task.task_id) if "unmatched" in m.extra]
        assert said.extra == {"unmatched": ["nn2"]}
        assert "did you mean n2?" in said.message
        assert task.result.successes == ("n1",)

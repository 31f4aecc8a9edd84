"""Several daemons on one store: what one takes, another one does."""

import asyncio

import pytest

from drydockd.errors import Conflict, NotFound
from drydockd.model import Task
from drydockd.store.base import Edit
from drydockd.tasks.actions import noop
from drydockd.tasks.words import states
from tests.tasks.helpers import OPS, fault, hold, site_text
from tests.tasks.several import Several


async def test_a_task_created_at_one_daemon_runs_on_the_other():
    async with Several(initial="ready") as lab:
        task = await lab.ask("deploy_nodes", "n1")
        assert lab.follower._scheduler._running == {}
        ended = await lab.finished(task.task_id)
        assert ended.result.successes == ("n1",)
        assert (await lab.machine("n1")).counters["deployments"] == 1


async def test_the_runners_own_tasks_begin_once():
    async with Several() as lab:
        task = await lab.run("noop", "n1")
        assert task.result.status == "success"
        assert [t.action for t in lab.tree(task.task_id)].count("noop") == len(
            lab.tree(task.task_id)
        )


async def test_validations_of_any_daemon_are_judged():
    async with Several() as lab:
        tasks = [await lab.ask("validate_design") for _ in range(3)]
        for task in tasks:
            assert (await lab.finished(task.task_id)).result.status == "success"


async def test_before_anybody_leads_tasks_wait_and_then_go_in_their_order():
    lab = Several()
    lab._is_up.set()
    first, second = await lab.ask("noop", "n1"), await lab.ask("noop", "n1")
    assert lab.store.task(first.task_id).status == "queued"
    async with lab:
        ended = [await lab.finished(task.task_id) for task in (first, second)]
        assert [task.result.status for task in ended] == ["success", "success"]
        assert ended[0].updated <= ended[1].started


async def test_a_wish_of_another_daemon_stops_the_whole_tree():
    lab = Several(initial="ready", faults=[fault("never_reports")])
    async with lab:
        task = await lab.ask("deploy_nodes")
        await lab.until(
            lambda: [t for t in lab.tree(task.task_id) if t.action == "bootaction_report"]
        )
        stopping = await lab.follower.terminate(task.task_id, OPS)
        assert stopping.terminate
        assert stopping.status in ("terminating", "terminated")
        ended = await lab.finished(task.task_id)
        assert (ended.status, ended.terminated_by) == ("terminated", "ops")
        for member in lab.tree(task.task_id):
            assert member.status.is_final, member
        again = [t.status for t in lab.tree(task.task_id) if t.action == "bootaction_report"]
        assert set(again) == {"terminated"}


async def test_a_queued_task_stopped_at_another_daemon_ends_at_once(monkeypatch):
    gate = hold(monkeypatch, noop)
    async with Several() as lab:
        first = await lab.ask("noop", "n1")
        second = await lab.ask("noop", "n1")
        third = await lab.ask("noop", "n1")
        await lab.until(lambda: lab.store.task(second.task_id).design)
        ended = await lab.follower.terminate(second.task_id, OPS)
        assert (ended.status, ended.result.failures) == ("terminated", ("n1",))
        gate.set()
        for task in (first, third):
            assert (await lab.finished(task.task_id)).result.status == "success"


async def test_the_other_daemon_writes_the_root_alone():
    lab = Several(initial="ready", faults=[fault("never_reports")])
    async with lab:
        task = await lab.ask("deploy_nodes", "n1")
        await lab.until(lambda: len(lab.tree(task.task_id)) > 3)
        await lab.kill()  # nobody leads
        before = {t.task_id: t for t in lab.tree(task.task_id)}
        stopping = await lab.follower.terminate(task.task_id, OPS)
        after = {t.task_id: t for t in lab.tree(task.task_id)}
        changed = {key for key in after if after[key] != before[key]}
        assert changed == {task.task_id}
        assert (stopping.status, stopping.terminate) == ("running", True)

        await lab.take_over()
        assert (await lab.finished(task.task_id)).status == "terminated"


async def test_a_queued_task_stopped_while_nobody_led_ends_when_somebody_does():
    lab = Several()
    task = await lab.ask("noop", "n1")
    waiting = await lab.follower.terminate(task.task_id, OPS)
    assert (waiting.status, waiting.terminate) == ("queued", True)
    async with lab:
        ended = await lab.finished(task.task_id)
        assert (ended.status, ended.result.message) == ("terminated", "Action terminated.")


async def test_a_task_is_taken_over_where_it_was_and_says_from_whom():
    async with Several(initial="ready", latencies={"deploy": [0.2, 0.3]}) as lab:
        task = await lab.ask("deploy_nodes")
        await lab.until(lambda: [t for t in lab.tree(task.task_id) if t.action == "deploy_node"])
        await lab.take_over()
        ended = await lab.finished(task.task_id)
        assert ended.result.status == "success"
        for name in ended.scope:
            assert (await lab.machine(name)).counters["deployments"] == 1
        assert [text for text in lab.texts(task.task_id) if text.startswith("Taken over from a ")]


async def test_any_daemon_retries():
    async with Several() as lab:
        lab.designs.is_away = True
        task = await lab.run("noop", "n2")
        lab.designs.is_away = False
        again = await lab.follower.retry(task.task_id, OPS)
        assert (await lab.finished(again.task_id)).result.successes == ("n2",)


async def test_what_cannot_be_stopped_is_refused_by_any_daemon():
    async with Several(initial="ready") as lab:
        task = await lab.run("deploy_nodes", "n1")
        with pytest.raises(Conflict, match="complete already"):
            await lab.follower.terminate(task.task_id, OPS)
        with pytest.raises(Conflict, match=f"subtask of {task.task_id}"):
            await lab.follower.terminate(lab.store.subtask_ids(task.task_id)[0], OPS)
        with pytest.raises(NotFound):
            await lab.follower.terminate("no-such-task", OPS)


async def test_whoever_waits_at_another_daemon_sees_the_end():
    async with Several() as lab:
        task = await lab.ask("noop", "n1")
        async with asyncio.timeout(20):
            while not (seen := await lab.follower.wait(task.task_id, 10)).status.is_final:
                pass
        assert seen.result.status == "success"
        events = [event async for event in lab.follower.events(task.task_id)]
        assert events == [event async for event in lab.runner.events(task.task_id)]


async def stopped_after(writes, action, **room):
    """Ask, at the other daemon, a task to stop at its write number `writes`; None: it was over."""
    async with Several(site_text(2), **room) as lab:
        task = await lab.ask(action, all_nodes=True)
        seen = []
        lab.store.watch(lambda *_: seen.append(1))
        await lab.until(lambda: len(seen) >= writes or lab.store.task(task.task_id).status.is_final)
        try:
            await lab.follower.terminate(task.task_id, OPS)
        except Conflict:
            return None
        ended = await lab.finished(task.task_id)
        return ended, lab.tree(task.task_id), await lab.room.machines()


@pytest.mark.parametrize(
    ("action", "room"), [("deploy_nodes", {"initial": "ready"}), ("prepare_site", {})]
)
async def test_a_task_can_be_stopped_from_elsewhere_at_every_stage(action, room):
    writes = 0
    while (outcome := await stopped_after(writes, action, **room)) is not None:
        task, tree, machines = outcome
        writes += 5
        assert (task.status, task.result.status) == ("terminated", "failure")
        assert sorted(task.result.successes + task.result.failures) == sorted(task.scope)
        assert all(member.status.is_final for member in tree)
        for machine in machines:
            assert machine.counters["power_cuts"] == 0 or machine.power == "on"
    assert writes > 5


async def test_a_wish_during_the_words_about_unmatched_names_is_heard(monkeypatch):
    """Told to stop between the start and the job: it stops all the same."""
    async with Several() as lab:

        async def flag(scheduler, task, design):
            wish = lambda task: states.asked_to_stop(task, "ops", task.updated)  # noqa: E731
            await lab.store.write(Edit(Task, task.task_id, wish))

        monkeypatch.setattr(type(lab.runner._scheduler), "_say_unmatched", flag)
        task = await lab.ask("noop", "n1")
        assert (await lab.finished(task.task_id)).status == "terminated"

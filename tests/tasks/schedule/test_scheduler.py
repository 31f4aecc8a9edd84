import asyncio
import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from drydockd.drivers.base import NodeState
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import Conflict, DriverTransient
from drydockd.model import ResultStatus, Task, timestamp
from drydockd.site import Catalogue
from drydockd.store.base import Edit
from drydockd.tasks.actions import noop, prepare_site, relabel_nodes
from drydockd.tasks.words import records, states
from tests.tasks.helpers import SITE, Lab, hold, names, site_text


def slow_lab(seconds=0.05, **options):
    lab = Lab(**options)
    lab.with_settings(noop_seconds=seconds)
    lab.tasks = lab._new()
    return lab


def starts(lab, *tasks):
    return [lab.store.task(t.task_id).started for t in tasks]


async def test_tasks_on_disjoint_nodes_run_together(monkeypatch):
    hold(monkeypatch, noop)
    async with Lab() as lab:
        tasks = [await lab.submit("noop", name) for name in names(3)]
        await lab.until(lambda: all(lab.store.task(t.task_id).status == "running" for t in tasks))


async def test_a_task_holds_no_bytes_of_its_design(monkeypatch):
    hold(monkeypatch, noop)
    async with Lab() as lab:
        task = await lab.submit("noop", "n1")
        while task.task_id not in lab.tasks._scheduler._jobs:
            await asyncio.sleep(0)
        job = lab.tasks._scheduler._jobs[task.task_id]
        assert job.site.nodes
        assert job.design.content == b""


async def test_tasks_on_a_shared_node_run_in_creation_order_and_say_for_whom_they_wait(monkeypatch):
    gate = hold(monkeypatch, noop)
    async with Lab() as lab:
        first = await lab.submit("noop", "n1", "n2")
        second = await lab.submit("noop", "n2", "n3")
        third = await lab.submit("noop", "n3")
        for waiting in (second, third):
            await lab.until(lambda t=waiting: any("holds" in text for text in lab.texts(t.task_id)))
        gate.set()
        done = [await lab.finished(t.task_id) for t in (first, second, third)]

        assert done[0].updated <= done[1].started
        assert done[1].updated <= done[2].started
        waiting = f"Waiting for task {first.task_id} (noop), which holds n2."
        assert waiting in lab.texts(second.task_id)
        assert f"Waiting for task {second.task_id} (noop), which holds n3." in lab.texts(
            third.task_id
        )


async def test_a_site_wide_task_runs_alone(monkeypatch):
    gate = hold(monkeypatch, noop)
    async with Lab() as lab:
        before = await lab.submit("noop", "n1")
        site = await lab.submit("prepare_site")
        after = await lab.submit("noop", "n2")
        await lab.until(lambda: any("runs alone" in text for text in lab.texts(site.task_id)))
        gate.set()
        before, site, after = [await lab.finished(t.task_id) for t in (before, site, after)]

        assert before.updated <= site.started
        assert site.updated <= after.started
        assert any(
            text.startswith(f"Waiting for task {before.task_id} (noop); one of the two")
            for text in lab.texts(site.task_id)
        )


def set_clock_back(monkeypatch, seconds):
    """What is recorded of new tasks from now on is so much older."""
    past = datetime.now(UTC) - timedelta(seconds=seconds)
    monkeypatch.setattr(records, "timestamp", lambda: timestamp(past))


async def until_told_to_stop(job, **_):
    await job.stopping.wait()
    return job.outcome(())


@pytest.mark.parametrize("restarts", [False, True])
@pytest.mark.parametrize(
    ("first", "second"),
    [("noop", "noop"), ("noop", "prepare_site"), ("prepare_site", "noop")],
)
async def test_a_clock_that_is_set_back_lets_nobody_pass_a_running_task(
    monkeypatch, first, second, restarts
):
    monkeypatch.setattr(noop, "run", until_told_to_stop)
    monkeypatch.setattr(prepare_site, "run", until_told_to_stop)
    async with Lab() as lab:
        first = await lab.submit(first, "n1")
        await lab.until(lambda: lab.store.task(first.task_id).status == "running")
        set_clock_back(monkeypatch, 5)
        second = await lab.submit(second, "n1")
        third = await lab.submit("noop", "n1")
        await lab.until(lambda: lab.store.task(third.task_id).design)
        if restarts:
            await lab.restart()
            await lab.until(lambda: len(lab.texts(first.task_id)) == 1)
        assert [t.created for t in (second, third)] < [first.created] * 2
        assert [lab.store.task(t.task_id).status for t in (first, second, third)] == [
            "running",
            "queued",
            "queued",
        ]

        await lab.tasks.terminate(first.task_id, lab.caller)
        await lab.until(lambda: lab.store.task(second.task_id).status == "running")
        assert lab.store.task(third.task_id).status == "queued"


def lab_with_a_silent_source(**options):
    """`memory:site` does not answer until its gate is opened, `memory:other` does."""
    lab = slow_lab(0.01, **options)
    lab.designs.texts["memory:other"] = lab.designs.texts[SITE]
    lab.designs.gates[SITE] = asyncio.Event()
    return lab


@pytest.mark.parametrize("restarts", [False, True])
async def test_a_source_that_does_not_answer_holds_up_only_tasks_of_its_reference(restarts):
    async with lab_with_a_silent_source(initial="ready") as lab:
        silent = await lab.submit("noop", "n1")
        same = await lab.submit("noop", "n2")
        if restarts:
            await lab.restart()
        destroy = await lab.run("destroy_nodes", "n1", ref="memory:other")
        site = await lab.run("prepare_site", ref="memory:other")

        assert (destroy.result.status, site.result.status) == ("success", "success")
        assert [lab.store.task(t.task_id).status for t in (silent, same)] == ["queued"] * 2
        lab.designs.gates[SITE].set()
        silent, same = [await lab.finished(t.task_id) for t in (silent, same)]
        assert silent.result.status == same.result.status == "success"


async def test_a_source_that_never_answers_is_the_tasks_failure_and_frees_those_behind_it():
    lab = lab_with_a_silent_source()
    lab.designs.longest_load = 0.05
    async with lab:
        done = [await lab.run("noop", "n1"), await lab.run("noop", "n1", ref="memory:other")]

        assert [task.result.status for task in done] == ["failure", "success"]
        assert done[0].result.message.startswith(
            "The design cannot be loaded: memory:site: not read within 0.05 s"
        )


async def test_a_task_that_loaded_for_long_waits_for_who_runs_on_its_nodes_and_says_so():
    async with lab_with_a_silent_source() as lab:
        lab.with_settings(noop_seconds=60)
        await lab.restart()
        late = await lab.submit("noop", "n1")
        runs = await lab.submit("noop", "n1", "n2", ref="memory:other")
        await lab.until(lambda: lab.store.task(runs.task_id).status == "running")

        lab.designs.gates[SITE].set()
        text = f"Waiting for task {runs.task_id} (noop), which holds n1."
        await lab.until(lambda: text in lab.texts(late.task_id))
        last = await lab.submit("noop", "n2")
        await lab.until(lambda: lab.texts(last.task_id))

        assert lab.store.task(late.task_id).status == "queued"
        await lab.tasks.terminate(runs.task_id, lab.caller)
        await lab.until(lambda: lab.store.task(late.task_id).status == "running")


async def test_a_site_wide_task_that_loaded_for_long_runs_alone_and_is_not_starved():
    async with lab_with_a_silent_source() as lab:
        lab.with_settings(noop_seconds=60)
        await lab.restart()
        site = await lab.submit("prepare_site")
        runs = await lab.submit("noop", "n1", ref="memory:other")
        await lab.until(lambda: lab.store.task(runs.task_id).status == "running")
        lab.designs.gates[SITE].set()
        await lab.until(lambda: lab.texts(site.task_id))
        after = await lab.submit("noop", "n2", ref="memory:other")
        await lab.until(lambda: lab.texts(after.task_id))

        await lab.tasks.terminate(runs.task_id, lab.caller)
        runs, site = [await lab.finished(t.task_id) for t in (runs, site)]
        await lab.until(lambda: lab.store.task(after.task_id).status == "running")
        after = lab.store.task(after.task_id)

        assert runs.updated <= site.started
        assert site.updated <= after.started


async def test_tasks_of_one_reference_keep_their_order_while_it_loads():
    async with slow_lab(0.01) as lab:
        lab.designs.gate.clear()
        first = await lab.submit("noop", "n1")
        while not lab.designs.asked:
            await asyncio.sleep(0)
        second = await lab.submit("noop", "n1")
        lab.designs.gate.set()
        first, second = [await lab.finished(t.task_id) for t in (first, second)]

        assert first.updated <= second.started


async def test_an_exception_in_an_action_ends_the_task_and_frees_its_nodes(monkeypatch):
    async def broken(job, **_):
        raise RuntimeError("with details that are not for clients")

    monkeypatch.setattr(relabel_nodes, "run", broken)
    async with Lab() as lab:
        task = await lab.run("relabel_nodes")
        assert (task.status, task.result.status) == ("complete", "failure")
        assert task.result.failures == names(3)
        (text,) = lab.texts(task.task_id, error=True)
        assert text == "Task failed unexpectedly (RuntimeError); the log has the details"
        assert (await lab.run("noop")).result.status == "success"


async def test_an_unexpected_conflict_ends_the_task_and_frees_its_nodes(monkeypatch):
    async def refused(job, **_):
        raise Conflict("boot action A has its status already")

    monkeypatch.setattr(relabel_nodes, "run", refused)
    async with Lab() as lab:
        task = await lab.run("relabel_nodes")
        assert (task.status, task.result.status) == ("complete", "failure")
        assert task.result.failures == names(3)
        text = "Task failed: boot action A has its status already"
        assert lab.texts(task.task_id, error=True) == [text]
        assert (await lab.run("noop")).result.status == "success"


async def test_a_task_terminated_in_the_moment_of_its_start_ends_as_terminated(caplog):
    async with Lab() as lab:
        lab.designs.gate.clear()
        task = await lab.submit("noop", "n1")
        (running,) = [t for t in asyncio.all_tasks() if task.task_id in t.get_name()]
        lab.designs.gate.set()

        def ask(queued):
            return states.asked_to_stop(queued, "ops", timestamp())

        # Past the scheduler: as if the task were past the point where it can be cancelled.
        await lab.store.write(Edit(Task, task.task_id, ask))
        await asyncio.wait([running])

        ended = lab.store.task(task.task_id)
        assert (ended.status, ended.result.message) == ("terminated", "Action terminated.")
        assert lab.texts(task.task_id, error=True) == []
        assert [r for r in caplog.records if r.levelname == "CRITICAL"] == []
        assert (await lab.run("noop", "n1")).result.status == "success"


async def test_the_design_is_pinned_later_changes_of_the_source_do_not_matter():
    lab = Lab(initial="ready", latencies={"deploy": 0.1})
    async with lab:
        task = await lab.submit("deploy_nodes", "n1")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        lab.designs.texts.clear()
        lab.designs._compiled.clear()

        await lab.restart()

        assert (await lab.finished(task.task_id)).result.status == "success"
        assert len(lab.designs.asked) == 1


async def test_a_resumed_task_whose_design_is_lost_ends_with_a_message_and_keeps_its_lists():
    lab = Lab(initial="ready", latencies={"deploy": 0.1})
    async with lab:
        task = await lab.submit("deploy_nodes", "n1")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        lab.store.backend._blobs.clear()

        await lab.restart()
        task = await lab.finished(task.task_id)

        assert (task.status, task.result.status) == ("complete", "failure")
        assert task.result.failures == ("n1",)
        assert "cannot be resumed after the restart" in lab.texts(task.task_id, error=True)[0]
        assert all(t.status.is_final for t in lab.tree(task.task_id))


async def test_queued_tasks_survive_a_restart_in_their_order():
    async with slow_lab(0.05) as lab:
        tasks = [await lab.submit("noop", "n1") for _ in range(4)]
        await lab.until(lambda: lab.store.task(tasks[0].task_id).status == "running")

        await lab.restart()
        done = [await lab.finished(t.task_id) for t in tasks]

        assert [t.result.status for t in done] == [ResultStatus.SUCCESS] * 4
        assert all(a.updated <= b.started for a, b in itertools.pairwise(done))


async def test_a_running_task_keeps_its_nodes_over_a_restart():
    lab = Lab(initial="ready", latencies={"deploy": 0.2})
    async with lab:
        first = await lab.submit("deploy_nodes", "n1")
        await lab.until(lambda: lab.store.task(first.task_id).status == "running")
        second = await lab.submit("verify_nodes", "n1")
        await lab.restart()
        first, second = [await lab.finished(t.task_id) for t in (first, second)]

        assert first.updated <= second.started


async def test_a_task_told_to_stop_before_a_restart_stops_after_it():
    lab = Lab(initial="ready", latencies={"deploy": 0.2})
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        await lab.tasks.terminate(task.task_id, lab.caller)

        await lab.restart()
        task = await lab.finished(task.task_id)

        assert (task.status, task.result.message) == ("terminated", "Action terminated.")
        assert all(t.status.is_final for t in lab.tree(task.task_id))
        assert not any(t.action == "bootaction_report" for t in lab.tree(task.task_id))


async def test_deadlines_keep_their_wall_clock_end_over_a_restart():
    lab = Lab(site_text(1), initial="ready", faults=[{"fault": "deploy_hangs"}])
    lab.with_settings(deploy_node=0.4, deploy_retries=0, resume_grace=0.01)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        child = [t for t in lab.tree(task.task_id) if t.action == "deploy_node"][-1]

        await lab.restart()
        await lab.finished(task.task_id)

        ended = lab.store.task(child.task_id)
        assert ended.deadline == child.deadline
        late = datetime.fromisoformat(ended.updated) - datetime.fromisoformat(child.deadline)
        assert late.total_seconds() >= 0


class NotAtOnce(FakeNodeProvisioner):
    """A provisioner that needs some turns of the loop for an answer, as all but fakes do."""

    async def find(self, node):
        for _ in range(50):
            await asyncio.sleep(0)
        return await super().find(node)


async def test_a_step_whose_time_ended_while_the_daemon_was_down_gets_one_look():
    lab = Lab(site_text(1), initial="ready")
    lab.with_settings(deploy_retries=0, resume_grace=20)
    lab.drivers = replace(lab.drivers, node=NotAtOnce(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        child = [t for t in lab.tree(task.task_id) if t.action == "deploy_node"][-1]
        await lab.kill()
        machine = await lab.machine("n1")
        while machine.state is not NodeState.DEPLOYED:
            machine = await lab.room.changed(machine.id, machine.revision)
        past = timestamp(datetime.now(UTC) - timedelta(hours=1))
        await lab.store.write(Edit(Task, child.task_id, lambda t: replace(t, deadline=past)))

        await lab.restart()

        assert (await lab.finished(task.task_id)).result.status == "success"


class Mute(FakeNodeProvisioner):
    """A provisioner that offers no catalogue; the room always does."""

    async def catalogue(self):
        raise DriverTransient("no answer")


async def test_a_provisioner_that_names_no_images_does_not_stop_a_task():
    lab = Lab(initial="ready")
    lab.drivers = replace(lab.drivers, node=Mute(room=lab.room))
    lab.tasks = lab._new()
    async with lab:
        assert (await lab.run("deploy_nodes")).result.status == "success"


@pytest.mark.parametrize("count", [300])
async def test_hundreds_of_tasks_on_one_node_end_one_after_another(count):
    async with slow_lab(0) as lab:
        tasks = [await lab.submit("noop", "n1") for _ in range(count)]
        done = [await lab.finished(t.task_id) for t in tasks]
        assert all(a.updated <= b.started for a, b in itertools.pairwise(done))


async def test_no_more_tasks_run_at_once_than_the_limit_says(monkeypatch):
    gate = hold(monkeypatch, noop)
    lab = Lab()
    lab.with_settings(parallel_tasks=1)
    lab.tasks = lab._new()
    async with lab:
        tasks = [await lab.submit("noop", name) for name in names(3)]
        await lab.until(lambda: lab.store.task(tasks[2].task_id).design)
        view = await lab.tasks.node_view("n3")
        assert view.waiting_for == "its turn: as many tasks run as the limit allows"
        gate.set()
        done = [await lab.finished(t.task_id) for t in tasks]
        assert all(a.updated <= b.started for a, b in itertools.pairwise(done))


class Emptied(FakeNodeProvisioner):
    """A provisioner whose images went away while the daemon was down."""

    async def catalogue(self):
        return Catalogue({})


async def test_a_task_under_way_is_not_judged_again_after_a_restart():
    lab = Lab(initial="ready", latencies={"deploy": 0.1})
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: len(lab.store.boot_actions("n1")) == 2)
        lab.drivers = replace(lab.drivers, node=Emptied(room=lab.room))

        await lab.restart()

        assert (await lab.finished(task.task_id)).result.status == "success"


async def test_a_large_task_is_resumed_without_reading_what_was_said_of_it(monkeypatch):
    lab = Lab(site_text(40), initial="ready", latencies={"deploy": 60})
    lab.with_settings(deploy_node=60, fan_out=2)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: any("deploying jammy" in t for t in lab.said(task.task_id)))
        await lab.kill()
        tree = lab.tree(task.task_id)
        said = [m for t in tree for m in lab.store.messages(t.task_id)]
        deploying = [m.ts for m in said if "deploying jammy" in m.message]
        read, messages = [], lab.store.messages
        monkeypatch.setattr(
            lab.store, "messages", lambda i, **more: read.append(i) or messages(i, **more)
        )

        await lab.restart()
        await lab.until(lambda: "resumed at" in messages(task.task_id)[-1].message)

        text = messages(task.task_id)[-1].message
        last = text.removeprefix("Interrupted after ").partition(",")[0]
        assert max(deploying) <= last <= max([m.ts for m in said] + [t.updated for t in tree])
        # Only of those under way; of each of them there is little.
        assert len(read) < 10 < len(tree)

"""How tasks, steps and boot actions end, counted once each."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from prometheus_client import CollectorRegistry

from drydockd.handlers.outcomes import STEPS, Outcomes
from drydockd.model import Link, Task
from drydockd.store import Edit
from drydockd.tasks.words import states
from tests.tasks.helpers import Lab, fault, site_text


@asynccontextmanager
async def counted(text=None, **lab):
    async with Lab(text or site_text(3), **lab) as found:
        registry = CollectorRegistry()
        outcomes = Outcomes(found.store, registry)

        def value(name, **labels):
            return registry.get_sample_value(name, labels) or 0

        yield found, value
        outcomes.close()


async def test_a_task_is_counted_once_by_action_and_outcome_with_its_duration():
    async with counted(faults=[fault("deploy_fails", "n1")]) as (lab, value):
        await lab.run("prepare_nodes")
        task = await lab.run("deploy_nodes")
        # What is added to a task that has ended is no other end.
        link = Link("x", "y")
        await lab.store.write(Edit(Task, task.task_id, lambda t: states.linked(t, link)))
        ended = "drydock_tasks_ended_total"
        assert value(ended, action="prepare_nodes", outcome="success") == 1
        assert value(ended, action="deploy_nodes", outcome="partial_success") == 1
        assert value(ended, action="deploy_nodes", outcome="success") == 0
        assert value("drydock_task_duration_seconds_count", action="deploy_nodes") == 1
        assert 0 < value("drydock_task_duration_seconds_sum", action="deploy_nodes") < 60


async def test_each_attempt_of_a_node_at_a_step_is_counted_but_not_the_step_itself():
    async with counted(faults=[fault("deploy_fails", "n1", times=1)]) as (lab, value):
        await lab.run("prepare_nodes")
        await lab.run("deploy_nodes")
        ended = "drydock_node_steps_ended_total"
        assert value(ended, step="deploy_node", outcome="success") == 3
        assert value(ended, step="deploy_node", outcome="failure") == 1
        assert value(ended, step="configure_hardware", outcome="success") == 3
        assert value("drydock_node_step_duration_seconds_count", step="deploy_node") == 4
        assert value(ended, step="prepare_nodes", outcome="success") == 0
        steps = {t.action for t in lab.store.tasks() if t.parent_task_id and len(t.scope) == 1}
        assert steps - {"prepare_nodes"} <= set(STEPS)


async def test_one_node_alone_is_counted_as_any_other():
    async with counted(site_text(1)) as (lab, value):
        await lab.run("prepare_nodes")
        ended = "drydock_node_steps_ended_total"
        assert value(ended, step="configure_hardware", outcome="success") == 1
        assert value(ended, step="identify_node", outcome="success") == 1


async def test_boot_actions_are_counted_when_reported_and_when_missing():
    faults = [fault("reports_failure", "n1"), fault("never_reports", "n2")]
    from tests.tasks.helpers import QUICK

    settings = replace(QUICK, bootaction_final_status=0.5)
    async with counted(faults=faults, settings=settings) as (lab, value):
        await lab.run("prepare_nodes")
        await lab.run("deploy_nodes")
        ended = "drydock_boot_actions_ended_total"
        assert value(ended, outcome="success") == 1
        assert value(ended, outcome="failure") == 1
        assert value(ended, outcome="missing") == 1
        await lab.run("destroy_nodes", "n1", "n2", "n3")
        assert value(ended, outcome="success") == 1


async def test_what_was_told_to_stop_is_terminated():
    async with counted(faults=[fault("never_reports")]) as (lab, value):
        await lab.run("prepare_nodes")
        task = await lab.submit("deploy_nodes")
        await lab.until(lambda: any(t.action == "bootaction_report" for t in lab.store.tasks()))
        await lab.tasks.terminate(task.task_id, lab.caller)
        await lab.finished(task.task_id)
        assert value("drydock_tasks_ended_total", action="deploy_nodes", outcome="terminated") == 1
        assert value("drydock_boot_actions_ended_total", outcome="missing") == 0


@pytest.mark.parametrize("is_open", [True, False])
async def test_after_a_start_only_what_was_open_then_is_counted(is_open):
    async with Lab(site_text(1), faults=[fault("never_reports")]) as lab:
        await lab.run("prepare_nodes")
        task = await lab.submit("deploy_nodes")
        if not is_open:
            await lab.tasks.terminate(task.task_id, lab.caller)
            await lab.finished(task.task_id)
        registry = CollectorRegistry()
        Outcomes(lab.store, registry)
        if is_open:
            await lab.tasks.terminate(task.task_id, lab.caller)
            await lab.finished(task.task_id)
        labels = {"action": "deploy_nodes", "outcome": "terminated"}
        assert registry.get_sample_value("drydock_tasks_ended_total", labels) == int(is_open)


async def test_of_daemons_that_share_a_store_one_counts_and_none_counts_later():
    async with Lab(site_text(1)) as lab:
        registries = [CollectorRegistry() for _ in range(2)]
        at_work = [True, False]
        for number, registry in enumerate(registries):
            Outcomes(lab.store, registry, lambda number=number: at_work[number])

        def counted():
            name, labels = (
                "drydock_tasks_ended_total",
                {"action": "verify_site", "outcome": "success"},
            )
            return [registry.get_sample_value(name, labels) for registry in registries]

        await lab.run("verify_site")
        assert counted() == [1, 0]
        at_work.reverse()
        await lab.run("verify_site")
        assert counted() == [1, 1]

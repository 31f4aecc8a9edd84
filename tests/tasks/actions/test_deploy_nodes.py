import asyncio

import pytest

from drydockd.design import Designs
from tests.designs import design_path
from tests.render.helpers import stub_fetch
from tests.tasks.helpers import SITE, Lab, fault, names, site_text

STEPS = [
    "apply_node_networking",
    "apply_node_storage",
    "apply_node_platform",
    "deploy_node",
    "bootaction_report",
]


async def test_nodes_are_deployed_and_their_boot_actions_report():
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        assert (task.result.status, task.result.successes) == ("success", names(3))
        steps = lab.store.subtasks(task.task_id)
        assert [step.action for step in steps] == STEPS
        for step in steps:
            children = lab.store.subtasks(step.task_id)
            assert sorted(c.scope[0] for c in children) == sorted(step.scope) == list(names(3))
            assert all(c.action == step.action and c.retry == 0 for c in children)
            assert step.result.successes == names(3)
        assert "Boot action hello completed with status success" in lab.said(task.task_id)
        context = lab.store.boot_context("n1")
        assert (context.design_ref, context.design) == (SITE, task.design)


async def test_every_start_and_collection_is_said_on_the_parent():
    async with Lab(initial="ready") as lab:
        task = await lab.run("deploy_nodes", "n1")

        for parent in lab.tree(task.task_id):
            texts = lab.texts(parent.task_id)
            for child in lab.store.subtasks(parent.task_id):
                started = f"Started subtask {child.task_id} for action {child.action}"
                assert texts.count(started) == 1
                assert texts.count(f"Collected subtask {child.task_id}") == 1


async def test_a_whole_design_deploys_through_the_real_design_loader():
    path = design_path("foundry")
    lab = Lab()
    lab.designs = Designs(allowed_roots=[path.parent])
    lab.designs.fetch = stub_fetch
    lab.tasks = lab._new()
    ref = path.as_uri()
    try:
        async with lab:
            assert (await lab.run("prepare_nodes", ref=ref)).result.status == "success"
            task = await lab.run("deploy_nodes", ref=ref)
            assert (task.result.status, len(task.result.successes)) == ("success", 4)
    finally:
        await lab.designs.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "words", "step"),
    [
        ("deploy_fails", "the deployment failed", "deploy_node"),
        ("deploy_hangs", "the end of the deployment did not happen within", "deploy_node"),
        ("never_boots", "Boot action hello timed out.", "bootaction_report"),
        ("never_reports", "Boot action hello timed out.", "bootaction_report"),
        ("reports_failure", "completed with status failure", "bootaction_report"),
    ],
)
async def test_each_fault_fails_its_node_at_its_step_and_no_other_node(kind, words, step):
    lab = Lab(initial="ready", faults=[fault(kind, "n2")])
    lab.with_settings(deploy_node=0.15, bootaction_final_status=0.2)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.run("deploy_nodes")

        assert (task.result.successes, task.result.failures) == (("n1", "n3"), ("n2",))
        assert task.result.status == "partial_success"
        (text,) = lab.texts(task.task_id, error=True)
        assert text.startswith(f"Node n2 failed {step}: ")
        assert words in text
        failed = [s for s in lab.store.subtasks(task.task_id) if s.result.failures]
        assert [(s.action, s.result.failures) for s in failed] == [(step, ("n2",))]


async def test_a_node_that_fails_storage_goes_no_further_and_is_in_the_failures():
    text = site_text(
        2,
        n2={
            "storage": {
                "physical_devices": {
                    "disk_boot": {
                        "partitions": [
                            {
                                "name": "root",
                                "size": "999999g",
                                "filesystem": {"mountpoint": "/", "fstype": "ext4"},
                            }
                        ]
                    }
                }
            }
        },
    )
    async with Lab(text, initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        assert (task.result.successes, task.result.failures) == (("n1",), ("n2",))
        scopes = {s.action: s.scope for s in lab.store.subtasks(task.task_id)}
        assert scopes["apply_node_storage"] == ("n1", "n2")
        assert scopes["deploy_node"] == ("n1",)
        storage = lab.store.subtasks(task.task_id)[1]
        assert (storage.result.failures, storage.result.status) == (("n2",), "partial_success")


async def test_all_nodes_failing_is_a_failure_and_no_empty_step_is_registered():
    async with Lab(initial="new") as lab:
        task = await lab.run("deploy_nodes")

        assert (task.result.status, task.result.failures) == ("failure", names(3))
        assert [s.action for s in lab.store.subtasks(task.task_id)] == ["apply_node_networking"]
        assert "run prepare_nodes first" in lab.texts(task.task_id, error=True)[0]


async def test_a_slow_node_delays_no_other():
    lab = Lab(initial="ready", faults=[fault("deploy_hangs", "n2")])
    async with lab:
        task = await lab.submit("deploy_nodes")

        def ended(action):
            steps = [t for t in lab.tree(task.task_id) if t.action == action and t.scope]
            return {t.scope for t in steps if t.status.is_final and len(t.scope) == 1}

        await lab.until(lambda: ended("bootaction_report") == {("n1",), ("n3",)})
        assert ended("deploy_node") == {("n1",), ("n3",)}


async def test_a_failed_deployment_is_retried_with_a_new_context_each_time():
    lab = Lab(site_text(1), initial="ready", faults=[fault("deploy_fails", "n1", times=2)])
    async with lab:
        task = await lab.run("deploy_nodes")

        assert task.result.successes == ("n1",)
        machine = await lab.machine("n1")
        children = [c for c in lab.tree(task.task_id) if c.action == "deploy_node" and c.retry == 2]
        assert len(set(machine.deployments)) == 3
        assert lab.store.boot_context("n1").context_id == children[-1].task_id
        rows = lab.store.boot_actions("n1")
        assert [bool(row.closed) for row in rows] == [True] * 4 + [False] * 2
        assert {row.status for row in rows if not row.closed} == {"success", "unreported"}


async def test_a_deployed_node_is_left_as_it_is_and_keeps_its_key():
    async with Lab(initial="ready") as lab:
        await lab.run("deploy_nodes")
        before = lab.store.boot_context("n1")
        task = await lab.run("deploy_nodes")

        assert task.result.successes == names(3)
        assert lab.store.boot_context("n1") == before
        assert set((await lab.counters("deployments")).values()) == {1}
        assert "n1: is deployed already, left as it is" in lab.said(task.task_id)


async def test_without_boot_actions_there_is_no_context_and_nodes_deploy():
    async with Lab(site_text(2, bootactions=False), initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        assert task.result.status == "success"
        machine = await lab.machine("n1")
        assert machine.counters["deployments"] == 1
        assert lab.store.boot_actions("n1") == []


async def test_the_logs_of_a_deployment_are_kept_and_linked_once():
    async with Lab(site_text(1), initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        (child,) = [
            t
            for t in lab.tree(task.task_id)
            if t.action == "deploy_node" and not lab.store.subtask_ids(t.task_id)
        ]
        assert [link.rel for link in child.result.links] == ["detail_logs"]
        found = await asyncio.to_thread(lab.store.build_data, task_id=child.task_id)
        assert [d.generator for d in found] == ["deploy:curtin"]


async def test_an_invalid_design_is_refused_with_the_validators_words():
    async with Lab(site_text(bad=True), initial="ready") as lab:
        task = await lab.run("deploy_nodes")

        assert (task.status, task.result.status) == ("complete", "failure")
        assert task.result.failures == names(3)
        assert any("10.99.0.1" in text for text in lab.texts(task.task_id, error=True))
        assert lab.store.subtask_ids(task.task_id) == []


async def test_a_design_that_cannot_be_loaded_ends_the_task_with_the_reason():
    async with Lab() as lab:
        task = await lab.run("deploy_nodes", ref="memory:elsewhere")

        assert (task.status, task.result.status) == ("complete", "failure")
        assert "nobody answers" in lab.texts(task.task_id, error=True)[0]


async def test_an_empty_filter_selects_no_node():
    async with Lab(initial="ready") as lab:
        nothing = {"filter_set_type": "union", "filter_set": []}
        task = await lab.run("deploy_nodes", node_filter=nothing)

        assert (task.result.status, task.scope) == ("success", ())
        assert set((await lab.counters("deployments")).values()) <= {0}


@pytest.mark.parametrize("faults", [[], [fault("deploy_hangs")]], ids=["well", "stuck"])
async def test_a_hundred_nodes_go_through_sixty_four_at_a_time(faults):
    lab = Lab(site_text(100), initial="ready", faults=faults)
    async with lab:
        most = 0

        def look(*_):
            nonlocal most
            at_work = [r for r in lab.parts.at_work.values() if "deployment" in r.waiting_for]
            most = max(most, len(at_work))

        lab.store.watch(look)
        task = await lab.submit("deploy_nodes", ref=SITE)
        if faults:
            await lab.until(lambda: most >= 64)
        else:
            task = await lab.finished(task.task_id)
            assert (task.result.status, len(task.result.successes)) == ("success", 100)
        assert most <= 64

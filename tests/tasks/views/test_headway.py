from drydockd.model import ResultStatus
from tests.tasks.helpers import Lab, fault, site_text


async def test_of_a_running_task_passed_failed_and_the_step_of_the_last_are_told():
    faults = [fault("never_reports", "n3"), fault("deploy_fails", "n1")]
    async with Lab(site_text(4), faults=faults) as lab:
        await lab.run("prepare_nodes")
        task = await lab.submit("deploy_nodes")
        far = await lab.tasks.headway(lab.store.task(task.task_id))
        while (far.passed, far.failed) != (2, 1):
            await lab.tasks.wait(task.task_id, 5)
            far = await lab.tasks.headway(lab.store.task(task.task_id))
            assert far.passed + far.failed <= 3
        assert (far.nodes, far.step) == (4, "bootaction_report")


async def test_preparations_have_no_common_step_but_an_end():
    async with Lab(site_text(3), faults=[fault("commission_fails", "n2")]) as lab:
        task = await lab.submit("prepare_nodes")
        steps = set()
        while not lab.store.task(task.task_id).status.is_final:
            steps.add((await lab.tasks.headway(lab.store.task(task.task_id))).step)
            await lab.tasks.wait(task.task_id, 5)
        assert steps == {None}
        ended = lab.store.task(task.task_id)
        far = await lab.tasks.headway(ended)
        assert (far.nodes, far.passed, far.failed) == (3, 2, 1)
        assert ended.result.status is ResultStatus.PARTIAL_SUCCESS


async def test_a_task_without_nodes_has_none():
    async with Lab() as lab:
        far = await lab.tasks.headway(await lab.run("verify_site"))
        assert (far.nodes, far.passed, far.failed, far.step) == (0, 0, 0, None)

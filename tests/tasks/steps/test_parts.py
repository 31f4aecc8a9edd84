import asyncio

from drydockd.model import Action
from drydockd.tasks.steps.step import Step, StepPlan
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running


async def test_an_attempt_is_at_work_as_long_as_its_body_runs():
    lab = Lab()
    job = await running(lab)
    at_work = []

    async def body(run):
        at_work.append(dict(lab.parts.at_work))
        await asyncio.sleep(0)

    plan = StepPlan(Action.IDENTIFY_NODE, body, "node", 1.0, waiting_for="it")
    assert await Step(lab.parts, job, job.task_id, plan, ["n1"]).run("n1")

    ((run,),) = [list(seen.values()) for seen in at_work]
    assert run.name == "n1"
    assert lab.parts.at_work == {}

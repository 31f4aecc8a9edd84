"""What a deployment does by the state it finds, fresh and after an interruption."""

from dataclasses import replace

import pytest

from drydockd.drivers.base import Handle, NodeState
from drydockd.errors import DriverConflict, DriverTransient
from drydockd.tasks.actions.deploy_node import DeployNode
from drydockd.tasks.actions.firstrender import FirstRender
from drydockd.tasks.steps.builddata import BuildDataCollector
from drydockd.tasks.steps.identity import OwnPower
from drydockd.tasks.steps.intents import Operation
from drydockd.tasks.words.stops import StepFailed
from tests.tasks.actions.test_identify_node import Told
from tests.tasks.helpers import KEYS, Lab
from tests.tasks.steps.test_job import a_run

OURS = "ours"


class Deploys(Told):
    """Remembers the specs it was given."""

    def __init__(self, *answers, **options):
        super().__init__(*answers, **options)
        self.specs = []
        self.outcomes = []

    async def deploy(self, handle, spec, voice):
        self.specs.append(spec)
        if self.outcomes:
            raise self.outcomes.pop(0)
        return Handle("m1", "n1", NodeState.DEPLOYED, deployment_id=spec.deployment_id)

    async def logs(self, handle, phase):
        return []


async def found(*states, announced=False):
    """A run whose provisioner shows these (state, deployment id) one after another."""
    lab = Lab()
    run = await a_run(lab)
    handles = []
    for state, deployment in states:
        known = run.task_id if deployment is OURS else deployment
        handles.append(Handle("m1", "n1", NodeState(state), deployment_id=known))
    driver = Deploys(*handles, room=lab.room)
    if announced:
        await run.intents().announce(Operation.DEPLOY)
    return lab, driver, run


async def deploy(lab, driver, run):
    tasks = lab.tasks
    first = FirstRender(lab.designs, tasks.boot_data, tasks.pinned, lab.settings.report_url)
    builddata = BuildDataCollector(driver, lab.settings)
    with first.fetching(run.job) as fetched:
        power = OwnPower(driver, lab.drivers, None)
        step = DeployNode(driver, tasks.deployments, first, fetched, builddata, power, lab.settings)
        await step.deploy(run)


@pytest.mark.parametrize("state", ["ready", "failed_deploy"])
async def test_a_node_is_deployed_with_context_rows_and_intent_written_before(state):
    lab, driver, run = await found((state, None))
    await deploy(lab, driver, run)

    (spec,) = driver.specs
    context = lab.store.boot_context("n1")
    assert spec.deployment_id == context.context_id == run.task_id
    assert (spec.image, spec.kernel, spec.domain) == ("jammy", "ga-22.04", "lab.example")
    assert spec.packages == {"chrony": None}
    assert spec.owner_data == {"role": "worker"}
    assert spec.authorized_keys == ("ssh-rsa AAAA lab",)
    assert (spec.boot.hostname, spec.boot.key) == ("n1", KEYS.node_key(context))
    assert [r.name for r in lab.store.boot_actions("n1")] == ["hello", "quiet"]
    (intent,) = lab.store.intents(run.task_id)
    assert intent.closed
    assert spec.boot.key not in " ".join(lab.texts(run.task_id)) + repr(spec)


async def test_a_deployed_node_is_left_alone():
    lab, driver, run = await found(("deployed", "someone's"))
    await deploy(lab, driver, run)
    assert driver.specs == []
    assert lab.store.boot_actions("n1") == []


async def test_a_deploying_node_is_joined_without_a_new_key():
    lab, driver, run = await found(("deploying", "an-earlier-attempt"))
    await deploy(lab, driver, run)
    assert [s.deployment_id for s in driver.specs] == ["an-earlier-attempt"]
    assert lab.store.boot_actions("n1") == []
    assert lab.store.intents(run.task_id) == []


@pytest.mark.parametrize("state", ["new", "commissioning", "releasing", "broken", "foreign"])
async def test_a_node_in_another_state_is_refused_before_anything_is_written(state):
    lab, driver, run = await found((state, None))
    with pytest.raises(StepFailed, match=f"cannot be deployed, it is {state}"):
        await deploy(lab, driver, run)
    assert (driver.specs, lab.store.intents(run.task_id)) == ([], [])


@pytest.mark.parametrize(
    ("state", "deployment", "calls"),
    [("ready", None, 1), ("ready", "older", 1), ("deploying", OURS, 1), ("deployed", OURS, 0)],
)
async def test_an_interrupted_deployment_is_called_again_joined_or_accepted(
    state, deployment, calls
):
    lab, driver, run = await found((state, deployment), announced=True)
    await deploy(lab, driver, run)

    assert [s.deployment_id for s in driver.specs] == [run.task_id] * calls
    assert lab.store.intents(run.task_id)[0].closed


@pytest.mark.parametrize(
    ("state", "deployment"),
    [
        ("deployed", "another"),
        ("deploying", None),
        ("new", None),
        ("releasing", OURS),
        ("broken", OURS),
    ],
)
async def test_what_cannot_be_proven_fails_the_node_and_nothing_is_repeated(state, deployment):
    lab, driver, run = await found((state, deployment), announced=True)
    with pytest.raises(StepFailed, match="cannot be proven, so nothing is repeated"):
        await deploy(lab, driver, run)
    assert driver.specs == []


async def test_an_interrupted_deployment_that_failed_is_a_failed_attempt():
    lab, driver, run = await found(("failed_deploy", OURS), announced=True)
    with pytest.raises(DriverConflict, match="the deployment failed"):
        await deploy(lab, driver, run)
    assert driver.specs == []


async def test_an_interrupted_deployment_that_would_fail_again_is_not_repeated():
    lab, driver, run = await found(("failed_deploy", OURS), announced=True)
    (failed,) = driver.answers
    driver.answers = [replace(failed, final_failure="no disk with serial D-1")]
    with pytest.raises(StepFailed, match="the deployment failed: no disk with serial D-1"):
        await deploy(lab, driver, run)
    assert driver.specs == []


async def test_a_lost_answer_does_not_deploy_twice():
    lab, driver, run = await found(("ready", None), ("deployed", OURS))
    driver.outcomes = [DriverTransient("connection lost")]
    await deploy(lab, driver, run)
    assert len(driver.specs) == 1


async def test_a_call_that_never_arrived_is_made_again_with_the_same_id():
    lab, driver, run = await found(("ready", None))
    driver.outcomes = [DriverTransient("connection refused")]
    await deploy(lab, driver, run)
    assert [s.deployment_id for s in driver.specs] == [run.task_id] * 2

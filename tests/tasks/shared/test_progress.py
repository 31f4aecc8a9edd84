from drydockd.tasks.shared.progress import Progress
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_job import a_run


async def test_an_attempt_of_a_node_tells_what_it_waits_for_and_what_it_saw():
    run: Progress = await a_run(Lab(), waiting_for="the power to go off")
    run.saw("503")
    assert (run.waiting_for, run.last_seen) == ("the power to go off", "503")

from drydockd.store.base import Put
from drydockd.tasks.shared.retelling import Retelling
from drydockd.tasks.words import messages
from tests.tasks.helpers import Lab
from tests.tasks.steps.test_step import running


async def told(*texts, is_needed):
    lab = Lab()
    job = await running(lab)
    await lab.store.write(*(Put(messages.on_task(job.task_id, text)) for text in texts))
    retelling = Retelling(lab.store, job.task_id, is_needed=is_needed)
    return lambda text, **more: retelling.repeats(messages.on_task(job.task_id, text, **more))


async def test_what_was_said_before_is_known_as_often_as_it_was_said():
    is_known = await told("503", "503", "wiping", is_needed=True)
    assert [is_known("503") for _ in range(3)] == [True, True, False]
    assert is_known("wiping")


async def test_the_same_words_about_something_else_are_news():
    is_known = await told("503", is_needed=True)
    assert not is_known("503", error=True)
    assert not is_known("deployed")


async def test_a_task_that_was_never_interrupted_may_repeat_itself():
    is_known = await told("503", is_needed=False)
    assert not is_known("503")

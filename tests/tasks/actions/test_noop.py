from tests.tasks.helpers import Lab


async def test_noop_succeeds_for_each_node_in_scope():
    async with Lab() as lab:
        task = await lab.run("noop", "n3", "n1")

    assert (task.status, task.result.status) == ("complete", "success")
    assert task.result.successes == ("n1", "n3")


async def test_a_noop_told_to_stop_ends_terminated():
    lab = Lab()
    lab.with_settings(noop_seconds=30)
    lab.tasks = lab._new()
    async with lab:
        task = await lab.submit("noop")
        await lab.until(lambda: lab.store.task(task.task_id).status == "running")
        await lab.tasks.terminate(task.task_id, lab.caller)
        task = await lab.finished(task.task_id)

    assert (task.status, task.result.status) == ("terminated", "failure")
    assert (task.result.message, task.result.failures) == ("Action terminated.", ("n1", "n2", "n3"))

from drydockd.model import Message, Task
from tests.tasks.helpers import Lab, site_text


async def test_a_valid_design_ends_success_with_every_rules_verdict():
    async with Lab() as lab:
        task = await lab.run("validate_design")

        assert (task.result.status, task.result.successes, lab.store.subtask_ids(task.task_id)) == (
            "success",
            (),
            [],
        )
        assert "CIDR Validity: Validation successful." in lab.texts(task.task_id, error=False)
        assert lab.store.error_count(task.task_id) == 0


async def test_an_invalid_design_ends_failure_and_says_in_which_document_and_what_is_right():
    async with Lab(site_text(bad=True)) as lab:
        task = await lab.run("validate_design")

        assert task.result.status == "failure"
        (message,) = [m for m in lab.store.messages(task.task_id) if m.error]
        assert "10.99.0.1" in message.message
        assert (message.context_type, message.context) == ("document", "n3")
        assert message.extra["name"] == "DD2002"
        assert message.extra["diagnostic"]


async def test_documents_that_cannot_be_read_are_the_findings_of_the_task():
    async with Lab("schema: drydock/Rack/v1\nmetadata: {name: r}\ndata: {nonsense: 1}\n") as lab:
        task = await lab.run("validate_design")

        assert (task.status, task.result.status) == ("complete", "failure")
        assert any("nonsense" in text for text in lab.texts(task.task_id, error=True))


async def test_it_runs_beside_a_site_wide_task():
    lab = Lab()
    async with lab:
        holder = await lab.submit("noop")
        task = await lab.run("validate_design")
        assert task.result.status == "success"
        await lab.finished(holder.task_id)


async def test_its_start_and_end_are_one_write_when_the_verdict_is_known():
    async with Lab() as lab:
        first, writes = await lab.run("validate_design"), []
        lab.store.watch(lambda seq, news: writes.append([*news]))
        second = await lab.run("validate_design")

        created, done = writes
        assert [record.status for record in created] == ["queued"]
        assert [r.status for r in done if isinstance(r, Task)] == ["running", "complete"]
        assert (second.started, second.updated) == (done[0].started, done[-1].updated)
        texts = [lab.texts(task.task_id) for task in (first, second)]
        assert texts[0] == texts[1] == [r.message for r in done if isinstance(r, Message)]


async def test_its_start_is_recorded_before_when_the_verdict_takes_time():
    async with Lab() as lab:
        writes = []
        lab.store.watch(lambda seq, news: writes.append(len(news)))
        task = await lab.run("validate_design")
        assert writes == [1, 1, lab.store.message_count(task.task_id) + 1]

import pytest

from tests.web.helpers import page, text_of
from tests.web.tasking import Site, failing


@pytest.fixture
async def site(tmp_path):
    async with page(tmp_path, **failing("n2")) as browser:
        await browser.log_in("admin")
        site = Site(browser)
        await site.ready()
        yield site


async def deploying(site):
    """A deployment that waits: its node is held by a machine that is slow to be deployed."""
    made = await site.browser.drydock.post(
        "/api/v1.0/tasks", {"action": "deploy_nodes", "design_ref": site.ref}
    )
    return made.json()["task_id"]


async def test_a_retry_names_the_nodes_that_failed_and_links_both_tasks(site):
    task = await site.done("deploy_nodes")
    path = f"/tasks/{task['task_id']}/retry"
    shown = text_of((await site.browser.get(path)).text)
    assert "Deploy 1 machine again?" in shown
    assert "n2" in shown
    assert "n1" not in shown
    made = await site.browser.post(path)
    again = await site.browser.drydock.ended(made.headers["Location"].rpartition("/")[2])
    assert again["retry_of"] == task["task_id"]
    origin = text_of((await site.browser.get(f"/tasks/{task['task_id']}")).text)
    assert f"retried by {again['task_id'][:8]}" in origin


async def test_what_is_retried_and_harms_wants_the_number_typed(tmp_path):
    async with page(tmp_path, **failing("n1", "n3", fault="wipe_fails")) as browser:
        await browser.log_in("admin")
        site = Site(browser)
        await site.ready()
        await site.done("deploy_nodes")
        task = await site.done("destroy_nodes", all_nodes=True)
        assert sorted(task["result"]["failures"]) == ["n1", "n3"]
        path = f"/tasks/{task['task_id']}/retry"
        refused = await browser.post(path, {"typed_count": "3"})
        assert refused.status_code == 400
        assert "2 machines are meant" in text_of(refused.text)
        assert (await browser.post(path, {"typed_count": "2"})).status_code == 303


async def test_a_task_that_runs_is_not_retried_and_one_that_ended_is_not_stopped(site):
    task = await site.done("prepare_site")
    shown = text_of((await site.browser.get(f"/tasks/{task['task_id']}/stop")).text)
    assert "nothing to stop" in shown
    assert (await site.browser.post(f"/tasks/{task['task_id']}/retry")).status_code == 409
    assert (await site.browser.post(f"/tasks/{task['task_id']}/stop")).status_code in (303, 409)


async def test_a_task_is_stopped_by_its_page(site):
    task_id = await deploying(site)
    stopped = await site.browser.post(f"/tasks/{task_id}/stop")
    assert stopped.status_code == 303
    assert stopped.headers["Location"] == f"/ui/tasks/{task_id}"
    task = await site.browser.drydock.ended(task_id)
    assert task["terminated_by"] == "joe"


async def test_who_may_not_neither_stops_nor_retries(site):
    task = await site.done("deploy_nodes")
    await site.browser.log_in("reader", user="rita")
    for what in ("stop", "retry"):
        path = f"/tasks/{task['task_id']}/{what}"
        assert (await site.browser.get(path)).status_code == 403
        assert (await site.browser.post(path)).status_code == 403

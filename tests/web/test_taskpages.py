import re

import pytest

from tests.web.helpers import page, text_of
from tests.web.tasking import Site, failing


@pytest.fixture
async def deployed(tmp_path):
    """A daemon that has deployed three nodes, of which n2 failed; somebody is logged in."""
    async with page(tmp_path, **failing("n2")) as browser:
        await browser.log_in("admin")
        site = Site(browser)
        await site.ready()
        site.task = await site.done("deploy_nodes")
        yield site


async def test_the_list_has_the_newest_first_and_how_many_failed(deployed):
    shown = await deployed.browser.get("/tasks")
    rows = re.findall(r"<tr>\n<th scope=.row.>.*?</tr>", shown.text, re.S)
    assert [text_of(row).split()[:2] for row in rows] == [
        ["deploy", "nodes"],
        ["prepare", "nodes"],
        ["prepare", "site"],
    ]
    assert "2 of 3 done, 1 failed" in text_of(rows[0])


async def test_the_list_is_filtered_by_its_address(deployed):
    shown = await deployed.browser.get("/tasks?action=prepare_site&status=complete")
    assert "deploy nodes" not in text_of(shown.text)
    assert "<option selected>prepare_site</option>" in shown.text
    refused = await deployed.browser.get("/tasks?status=doen")
    assert refused.status_code == 400
    assert "status: one of" in text_of(refused.text)


async def test_a_task_says_why_nodes_failed_and_links_to_them(deployed):
    shown = await deployed.browser.get(f"/tasks/{deployed.task['task_id']}")
    text = text_of(shown.text)
    assert "1 node: the deployment failed" in text
    assert "✗ 1 failed ✓ 2 done" in text
    assert f"/ui/tasks/{deployed.task['task_id']}?node=n2" in shown.text
    assert "hx-sse:connect" not in shown.text  # it has ended
    assert "try 4" in text


async def test_a_node_of_a_task_has_its_own_messages_and_attempts_only(deployed):
    shown = await deployed.browser.get(f"/tasks/{deployed.task['task_id']}?node=n2")
    lines = re.findall(r'<li id="m\d+".*?</li>', shown.text, re.S)
    assert len(lines) > 5
    assert all("n2" in text_of(line) for line in lines)
    assert shown.text.count("deploy node</th>") == 4
    unknown = await deployed.browser.get(f"/tasks/{deployed.task['task_id']}?node=n9")
    assert unknown.status_code == 404


async def test_what_was_said_before_is_asked_for_by_number(deployed):
    path = f"/tasks/{deployed.task['task_id']}"
    shown = await deployed.browser.get(f"{path}?before=5")
    assert re.findall(r'<li id="m(\d+)"', shown.text) == ["1", "2", "3", "4"]
    assert "go to the latest" in text_of(shown.text)
    for wrong in ("0", "-1", "x"):
        assert (await deployed.browser.get(f"{path}?before={wrong}")).status_code == 400


async def test_the_page_of_a_step_has_all_its_nodes(deployed):
    path = f"/tasks/{deployed.task['task_id']}/steps"
    shown = await deployed.browser.get(f"{path}/deploy_node")
    assert [n for n in ("n1", "n2", "n3") if f">{n}</a>" in shown.text] == ["n1", "n2", "n3"]
    assert (await deployed.browser.get(f"{path}/no_step")).status_code == 404


async def test_a_subtask_leads_to_its_task(deployed):
    subtask = deployed.task["subtask_id_list"][0]
    shown = await deployed.browser.get(f"/tasks/{subtask}")
    assert deployed.task["task_id"] in shown.text
    assert (await deployed.browser.get("/tasks/4f6d")).status_code == 404


async def test_buttons_are_those_that_the_task_and_the_caller_allow(deployed):
    path = f"/tasks/{deployed.task['task_id']}"
    buttons = (await deployed.browser.get(f"{path}/buttons")).text
    assert "/retry" in buttons
    assert "/stop" not in buttons
    await deployed.browser.log_in("reader", user="rita")
    assert (await deployed.browser.get(path)).status_code == 403
    assert (await deployed.browser.get("/tasks")).status_code == 403


async def test_who_is_not_logged_in_gets_no_part_but_a_401(deployed):
    deployed.browser.http.cookies.clear()
    path = f"/tasks/{deployed.task['task_id']}"
    assert (await deployed.browser.get(path)).status_code == 303
    for part in ("buttons", "stream"):
        answer = await deployed.browser.get(f"{path}/{part}", headers={"HX-Request": "true"})
        assert answer.status_code == 401
        assert "HX-Redirect" not in answer.headers


async def test_what_nodes_say_is_text_and_never_markup(tmp_path):
    async with page(tmp_path, **failing()) as browser:
        await browser.log_in("admin")
        site = Site(browser)
        task = await site.done("prepare_site")
        from drydockd.model import Message
        from drydockd.store import Put

        wicked = Message(task["task_id"], "<script>alert(1)</script> <hx-partial hx-target=body>")
        await browser.drydock.app.services.store.write(Put(wicked))
        shown = await browser.get(f"/tasks/{task['task_id']}")
        assert "&lt;script&gt;alert(1)" in shown.text
        assert "<hx-partial" not in shown.text

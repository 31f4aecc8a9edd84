import pytest

from tests.web.helpers import page, text_of
from tests.web.tasking import Site, failing


@pytest.fixture
async def site(tmp_path):
    async with page(tmp_path, **failing()) as browser:
        await browser.log_in("admin")
        yield Site(browser)


async def tasks(site):
    return (await site.browser.drydock.get("/api/v1.0/tasks?top_level=true")).json()


async def test_a_dry_run_shows_nodes_steps_and_the_button_and_makes_nothing(site):
    await site.ready()
    before = len(await tasks(site))
    answer = await site.browser.get(site.new("destroy_nodes", "n1", "n3"))
    assert ">n2</a>" not in answer.text
    shown = text_of(answer.text)
    assert "Wipe 2 machines?" in shown
    assert "destroy node" in shown
    assert "n1 ○ Ready ○ off" in shown or "n1 ○ Ready" in shown
    assert "Type the number of machines" in shown
    assert "drydock task create -d" in shown
    assert len(await tasks(site)) == before


async def test_a_name_that_no_node_has_is_said_with_the_nearest(site):
    shown = text_of((await site.browser.get(site.new("deploy_nodes", "n11"))).text)
    assert "has no node n11" in shown
    assert "No node is selected" in shown


async def test_without_nodes_all_of_the_design_are_named_and_posted_by_name(site):
    shown = await site.browser.get(site.new("deploy_nodes"))
    assert "Deploy 3 machines?" in text_of(shown.text)
    assert '<input type="hidden" name="node" value="n1 n2 n3">' in shown.text


async def test_a_design_with_errors_has_nothing_to_confirm(site):
    path = site.browser.drydock.state / "small.yaml"
    path.write_text(path.read_text().replace("hardware_profile: plain", "hardware_profile: gone"))
    shown = await site.browser.get(site.new("deploy_nodes"))
    assert "There is nothing to confirm" in text_of(shown.text)
    assert 'name="shown"' not in shown.text


async def test_many_nodes_come_as_a_form(site):
    fields = {"action": "deploy_nodes", "design_ref": site.ref, "node": "n1, n2"}
    shown = await site.browser.post("/tasks/new", fields)
    assert "Deploy 2 machines?" in text_of(shown.text)


async def test_an_address_that_says_too_little_shows_the_form(site):
    shown = await site.browser.get("/tasks/new?action=verify_nodes")
    assert shown.status_code == 200
    assert "<option selected>verify_nodes</option>" in shown.text
    assert (await site.browser.get("/tasks/new?action=fly")).status_code == 400
    refused = await site.browser.get(site.new("deploy_node"))
    assert refused.status_code == 400


async def test_the_task_is_of_exactly_the_nodes_that_were_shown(site):
    made = await site.browser.post("/tasks", site.form("power_on_nodes", "n2"))
    assert made.status_code == 303
    task_id = made.headers["Location"].rpartition("/")[2]
    task = await site.browser.drydock.ended(task_id)
    assert task["node_filter"]["filter_set"][0]["node_names"] == ["n2"]
    assert task["created_by"] == "joe"


async def test_a_task_never_begins_without_its_dry_run(site):
    form = site.form("prepare_site") | {"shown": ""}
    refused = await site.browser.post("/tasks", form)
    assert refused.status_code == 400
    whole = await site.browser.post("/tasks", site.form("deploy_nodes"))
    assert whole.status_code == 400
    assert await tasks(site) == []


@pytest.mark.parametrize("typed", [("lab", "1"), ("LAB", "2"), ("", ""), ("n1", "2")])
async def test_what_is_typed_wrong_wipes_nothing(site, typed):
    name, count = typed
    form = site.form("destroy_nodes", "n1", "n2", typed_name=name, typed_count=count)
    refused = await site.browser.post("/tasks", form)
    assert refused.status_code == 400
    assert "Nothing was done" in text_of(refused.text)
    assert await tasks(site) == []


async def test_what_is_typed_right_wipes(site):
    form = site.form("destroy_nodes", "n1", "n2", typed_name="lab", typed_count="2")
    made = await site.browser.post("/tasks", form)
    task = await site.browser.drydock.ended(made.headers["Location"].rpartition("/")[2])
    assert sorted(task["result"]["successes"]) == ["n1", "n2"]


async def test_who_may_not_is_refused_before_anything_is_looked_at(site):
    await site.browser.log_in("reader", user="rita")
    assert (await site.browser.get(site.new("deploy_nodes"))).status_code == 403
    refused = await site.browser.post("/tasks", site.form("power_on_nodes", "n2"))
    assert refused.status_code == 403
    assert await tasks(site) == []


async def test_a_form_of_another_place_is_refused(site):
    refused = await site.browser.post("/tasks", site.form("power_on_nodes", "n2"), xsrf="")
    assert refused.status_code == 403

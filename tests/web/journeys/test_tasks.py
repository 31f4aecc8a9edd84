"""Journeys through the pages of tasks, in a real browser, with a real Keystone."""

import re
from collections import Counter

import pytest

from tests.web.journeys.conftest import FAILS, KILLED, V1, WATCHED, Person

pytestmark = [pytest.mark.process, pytest.mark.slow]

# What Chromium says of any answer that is an error, and of a daemon that is not there.
REFUSALS = "Failed to load resource"
# What htmx says of a stream that broke, while the page says "reconnecting".
BROKEN = "htmx:sse:error"


@pytest.fixture(scope="module")
def watched(world):
    """A deployment of 40 machines, one of which fails; it begins when it is released."""
    return Watched(world, *world.hold("deploy_nodes", WATCHED))


class Watched:
    def __init__(self, world, task_id, release):
        self.world, self.task_id, self.release = world, task_id, release

    def ended(self):
        self.release()
        return self.world.ended(self.task_id)


def test_a_person_logs_in_with_the_name_and_password_that_keystone_knows(world, tab):
    tab.allowed.append(REFUSALS)
    person = Person(world, tab)
    person.log_in("ann-admin", "not-her-password")
    person.page.get_by_text("does not know this user").wait_for()
    assert person.tab.violations() == []
    person.log_in("ann-admin")
    person.page.get_by_role("link", name="Tasks").first.click()
    person.page.get_by_role("heading", name="Tasks").wait_for()


def test_forty_machines_are_deployed_before_ones_eyes_without_a_reload(world, ann, watched):
    ann.go(f"/tasks/{watched.task_id}")
    ann.page.evaluate("window.sameAsBefore = true")
    ann.word("live")
    watched.release()
    ann.lines().nth(20).wait_for()
    assert ann.tab.violations() == []
    ann.word("ended")
    assert ann.page.evaluate("window.sameAsBefore") is True
    assert watched.ended()["result"]["failures"] == [FAILS]
    head = ann.page.locator("#task-head")
    head.get_by_text("partly").wait_for()
    assert "39 done" in " ".join(head.inner_text().split())
    assert ann.lines().count() == len(world.said(watched.task_id))
    # The buttons are those of a task that has ended.
    ann.page.get_by_role("link", name="Retry what failed").wait_for()
    assert ann.tab.violations() == []


def test_a_failing_node_is_found_in_two_clicks_and_only_its_messages(world, ann, watched):
    watched.ended()
    ann.go("/tasks")
    ann.page.get_by_role("row", name="1 failed").get_by_role("link").first.click()
    ann.page.locator("#task-causes").get_by_role("link", name=FAILS).click()
    ann.page.get_by_role("heading", name=f"{FAILS} in deploy nodes").wait_for()
    assert ann.page.locator("#task-node").get_by_text("failed").count() >= 4
    said = ann.lines().all_inner_texts()
    assert len(said) > 5
    assert [text for text in said if not re.search(rf"\b{FAILS}\b", text)] == []
    assert ann.tab.violations() == []


def test_the_first_error_is_jumped_to(world, ann, watched):
    watched.ended()
    ann.go(f"/tasks/{watched.task_id}")
    ann.page.get_by_role("link", name="Jump to the first error").click()
    line = ann.page.locator("#log-lines > li:is(.found, :target)")
    line.wait_for()
    assert line.get_attribute("id") == ann.page.locator("li.error").first.get_attribute("id")


def test_a_filter_of_the_list_is_kept_over_a_reload(world, ann):
    ann.go("/tasks")
    ann.page.get_by_label("Action").select_option("prepare_site")
    ann.page.get_by_role("button", name="Filter").click()
    ann.page.wait_for_url(re.compile("action=prepare_site"))
    ann.page.reload()
    assert ann.page.get_by_label("Action").input_value() == "prepare_site"
    rows = ann.page.locator("tbody tr")
    assert [text.split()[:2] for text in rows.all_inner_texts()] == [["prepare", "site"]]
    assert ann.tab.violations() == []


def test_a_daemon_that_is_killed_in_mid_stream_loses_and_doubles_no_message(world, ann):
    ann.tab.allowed += [REFUSALS, BROKEN, "ERR_"]
    task_id, release = world.hold("deploy_nodes", KILLED)
    ann.go(f"/tasks/{task_id}")
    ann.page.evaluate("window.sameAsBefore = true")
    ann.word("live")
    release()
    ann.lines().nth(20).wait_for()
    world.kill()
    ann.word("reconnecting")
    world.start()
    # Who was logged in is not kept over a restart: it is said, and one logs in beside.
    ann.word("logged out")
    ann.beside().log_in("ann-admin")
    ann.word("ended")
    assert ann.page.evaluate("window.sameAsBefore") is True
    world.ended(task_id)
    shown = ann.lines().evaluate_all("all => all.map(li => [li.id, li.textContent])")
    assert len({place for place, _ in shown}) == len(shown)
    expected = Counter(world.said(task_id))
    # A message may be the end of another one.
    told = Counter(
        max((said for said in expected if text.endswith(said)), key=len, default=text)
        for _, text in shown
    )
    assert told == expected


def test_machines_are_wiped_only_when_their_number_is_typed(world, ann):
    ann.tab.allowed.append(REFUSALS)
    before = len(world.tasks())
    ann.go(f"/tasks/new?action=destroy_nodes&design_ref={world.ref}&node=n1&node=n2")
    ann.page.get_by_role("heading", name="Wipe 2 machines?").wait_for()
    assert ann.page.evaluate("document.activeElement.tagName") != "BUTTON"
    ann.page.get_by_label("site's name").fill("lab")
    ann.page.get_by_label("number of machines").fill("3")
    ann.page.get_by_role("button", name="Wipe 2 machines").click()
    ann.page.get_by_text("2 machines are meant, not 3").wait_for()
    assert len(world.tasks()) == before

    ann.page.go_back()
    ann.page.get_by_label("site's name").fill("lab")
    ann.page.get_by_label("number of machines").fill("2")
    ann.page.get_by_role("button", name="Wipe 2 machines").click()
    ann.page.get_by_role("heading", name="destroy nodes").wait_for()
    ann.word("ended")
    made = ann.page.url.rpartition("/")[2]
    assert sorted(world.ended(made)["result"]["successes"]) == ["n1", "n2"]


def test_a_page_says_when_its_session_has_ended_and_a_task_is_stopped(world, ann):
    ann.tab.allowed += [REFUSALS, BROKEN]
    task_id, _ = world.hold("deploy_nodes", ["n1", "n2"])
    ann.go(f"/tasks/{task_id}")
    ann.word("live")
    other = ann.beside()
    other.go("/tasks")
    other.page.get_by_role("button", name="Log out").click()
    ann.word("logged out")
    other.log_in("ann-admin")
    ann.word("live")
    other.go(f"/tasks/{task_id}/stop")
    other.page.get_by_role("heading", name="What it leaves behind").wait_for()
    assert other.tab.violations() == []
    other.page.get_by_role("button", name="Stop the task").click()
    ann.word("ended")
    assert world.ended(task_id)["status"] == "terminated"


def test_a_reader_sees_no_buttons_and_is_refused_by_the_server(world, rita, watched):
    rita.tab.allowed.append(REFUSALS)
    before = len(world.tasks())
    rita.go("/tasks")
    rita.page.get_by_role("heading", name="Tasks").wait_for()
    assert rita.page.get_by_role("link", name="New task").count() == 0
    rita.page.locator("tbody a").first.click()
    rita.page.locator("#task-head").wait_for()
    assert rita.page.locator("#task-buttons a").count() == 0
    assert rita.go(f"/tasks/new?action=deploy_nodes&design_ref={world.ref}").status == 403
    assert rita.go(f"/tasks/{watched.task_id}/retry").status == 403
    refused = rita.page.evaluate(
        """async ([path, fields]) => {
          const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited"));
          const body = new URLSearchParams(fields);
          return (await fetch(path, {method: "POST", headers, body})).status;
        }""",
        ["/ui/tasks", {"action": "deploy_nodes", "design_ref": world.ref, "node": "n1"}],
    )
    assert refused == 403
    assert len(world.tasks()) == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_any_page_of_tasks(world, ann, watched, scheme):
    watched.ended()
    ann.page.emulate_media(color_scheme=scheme)
    destroy = f"/tasks/new?action=destroy_nodes&design_ref={world.ref}&node={FAILS}"
    task = f"/tasks/{watched.task_id}"
    paths = ("/tasks", "/tasks/new", destroy, task, f"{task}/steps/deploy_node", f"{task}/retry")
    for path in paths:
        ann.go(path)
        assert ann.tab.violations() == [], path


def test_a_page_that_slept_while_its_task_was_removed_says_so_and_asks_no_more(world, ann):
    ann.tab.allowed += [REFUSALS, BROKEN, "ERR_"]
    task_id, release = world.hold("verify_nodes", ["n1"])
    ann.go(f"/tasks/{task_id}")
    ann.word("live")
    world.kill()
    ann.word("reconnecting")
    ann.page.context.set_offline(True)
    world.start()
    release()
    world.ended(task_id)
    assert world.http.delete(f"{V1}/tasks", params={"days": 0}).status_code == 200
    ann.page.context.set_offline(False)
    ann.page.evaluate("addEventListener('htmx:sse:close', () => { window.asksNoMore = true; })")
    # Who may look is asked first.
    ann.word("logged out")
    ann.beside().log_in("ann-admin")
    ann.word("removed")
    ann.page.wait_for_function("window.asksNoMore")

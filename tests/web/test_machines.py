import re
from dataclasses import replace

import pytest

from drydockd.drivers.base import NodeRow
from drydockd.model import Action, ResultStatus, Task, TaskStatus
from drydockd.tasks import Machines, NodeLast, NodeView
from drydockd.tasks.views.failures import by_cause
from drydockd.web.inuse import SiteInUse
from drydockd.web.machines import ABSENT, ACTIONS, lines_of, sorted_by
from tests.handlers.helpers import REF
from tests.handlers.test_nodes import ONE
from tests.web.helpers import page, text_of

ROW = NodeRow("n1", 1024, 4, "Deployed", "52:54:00:00:00:01", "10.0.0.1", "on", "10.1.0.1")
TASK = Task("t1", Action.DEPLOY_NODES, REF)


def rows_of(text):
    """Name -> (whether it is shown, what it says)."""
    found = re.findall(r'<tr data-name="([^"]+)"( hidden)?>(.*?)</tr>', text, re.DOTALL)
    return {name: (not hidden, text_of(row)) for name, hidden, row in found}


@pytest.fixture
async def admin(browser):
    await browser.log_in("admin")
    await browser.drydock.task(action="prepare_nodes", node_filter=ONE)
    return browser


async def test_every_machine_of_the_design_is_listed_with_what_is_known_of_it(admin):
    rows = rows_of((await admin.get("/")).text)
    assert len(rows) == 24
    shown, said = rows["a01-control"]
    assert shown
    for word in ("rack-a", "Ready", "52:54:00:40:00:01"):
        assert word in said
    assert ABSENT in rows["b01-control"][1]


async def test_a_filter_in_the_address_hides_the_others_without_a_script(admin):
    rows = rows_of((await admin.get("/?q=RACK-B%20compute")).text)
    assert {name for name, (is_shown, _) in rows.items() if is_shown} == {
        f"b0{number}-compute" for number in range(2, 7)
    }
    text = (await admin.get("/?q=%22%3E%3Cscript%3E")).text
    assert 'value="&#34;&gt;&lt;script&gt;"' in text


async def test_a_column_in_the_address_sorts(admin):
    rows = list(rows_of((await admin.get("/?sort=-name")).text))
    assert rows[0] == "c08-storage"
    text = (await admin.get("/?sort=rack")).text
    assert 'data-column="rack" aria-sort="ascending"' in text
    assert (await admin.get("/?sort=nonsense")).status_code == 200


async def test_who_may_not_begin_a_task_is_offered_none(tmp_path):
    (tmp_path / "policy.yaml").write_text('"physical_provisioner:read_data": "role:reader"\n')
    async with page(tmp_path) as browser:
        await browser.log_in("reader")
        text = (await browser.get("/")).text
        assert "checkbox" not in text
        assert "tasks/new" not in text


async def test_only_what_one_may_is_offered(tmp_path):
    rules = ("read_data", "create_task", "deploy_nodes")
    (tmp_path / "policy.yaml").write_text(
        "".join(f'"physical_provisioner:{rule}": "role:deployer or role:admin"\n' for rule in rules)
    )
    async with page(tmp_path) as browser:
        admin = browser.drydock
        await admin.task(action="prepare_nodes", node_filter=ONE)
        await browser.log_in("deployer")
        text = (await browser.get("/")).text
        assert re.findall(r'<option value="(\w+)">', text.partition("<datalist")[0]) == [
            "deploy_nodes"
        ]
        assert "Ask the BMC" not in text
        assert "Ask the BMC" not in (await browser.get("/machines/rows")).text


async def test_the_rows_alone_are_made_once_for_all_who_look(admin, monkeypatch):
    tasks = admin.drydock.app.services.tasks
    machines = await tasks.machines()

    async def as_before():
        return machines

    monkeypatch.setattr(tasks, "machines", as_before)
    first = await admin.get("/machines/rows")
    dashboard = admin.drydock.app.dashboard
    assert dashboard.rows.get(machines, (True, True)) is not None
    assert len(rows_of(first.text)) == 24
    assert (await admin.get("/machines/rows")).content == first.content


async def test_the_bmc_of_a_row_is_asked_on_demand_with_and_without_script(admin):
    text = (await admin.get("/")).text
    path = "/nodes/a01-control/power"
    assert f'formaction="/ui{path}" hx-post="/ui{path}"' in text
    # The form of the table sends what is chosen along.
    shown = await admin.post(path, {"node": "a01-control"})
    assert "now, by its BMC" in shown.text


async def test_an_empty_daemon_says_how_machines_come(browser):
    await browser.log_in("admin")
    assert "No machine is known yet" in (await browser.get("/")).text


async def test_a_provisioner_that_is_away_is_said_and_the_rest_shown(tmp_path):
    async with page(tmp_path, plugins={"node_driver": None}) as browser:
        await browser.log_in("admin")
        answer = await browser.get("/")
        assert answer.status_code == 200
        assert "No node driver enabled." in answer.text


def failed(host, cause):
    last = NodeLast(TASK, ResultStatus.FAILURE, None, cause, "look at it")
    return NodeView(host, replace(ROW, hostname=host), last=last)


def test_a_failure_is_seen_and_found_by_its_cause():
    [line] = lines_of(Machines((failed("n1", "the BMC refuses the login"),)), [])
    assert line.look == "bad"
    assert line.has("bmc refuses")
    assert not line.has("bmc accepts")


def test_a_machine_at_work_or_waiting_looks_so():
    running = NodeView("n1", ROW, task=replace(TASK, status=TaskStatus.RUNNING))
    queued = NodeView("n2", ROW, task=replace(TASK, status=TaskStatus.QUEUED))
    assert [line.look for line in lines_of(Machines((running, queued)), [])] == ["busy", "wait"]


def test_a_rack_is_that_of_the_design_used_last():
    new, old = SiteInUse("new", TASK, "", {"n1": "r1"}), SiteInUse("old", TASK, "", {"n1": "r0"})
    [line] = lines_of(Machines((NodeView("n1", ROW),)), [new, old])
    assert line.rack == "r1"


def test_those_without_a_value_come_last_whatever_the_order():
    views = [NodeView("n1"), NodeView("n2", ROW), NodeView("n3", replace(ROW, power_state="off"))]
    lines = lines_of(Machines(tuple(views)), [])
    assert [line.name for line in sorted_by(lines, "power")] == ["n3", "n2", "n1"]
    assert [line.name for line in sorted_by(lines, "-power")] == ["n2", "n3", "n1"]


async def test_failures_are_grouped_by_cause(browser, monkeypatch):
    views = [failed(f"n{number}", f"n{number}: refused at 10.0.0.{number}") for number in range(38)]
    views.append(failed("x1", "its disk is gone"))
    groups = by_cause((view.node, view.last) for view in views)

    async def machines():
        return Machines(tuple(views), tuple(groups))

    monkeypatch.setattr(browser.drydock.app.services.tasks, "machines", machines)
    await browser.log_in("admin")
    text = text_of((await browser.get("/")).text)
    assert "38 machines : deploy nodes failed." in text
    assert "1 machine : deploy nodes failed. its disk is gone" in text
    assert "What to do: look at it" in text


def test_actions_that_destroy_are_not_the_first_choice():
    assert ACTIONS[0] is Action.VERIFY_NODES
    assert ACTIONS[-1] is Action.DESTROY_NODES

import pytest

from drydockd.errors import DriverTransient
from tests.handlers.test_nodes import ONE
from tests.web.helpers import page, text_of


@pytest.fixture
async def admin(browser):
    await browser.log_in("admin")
    await browser.drydock.task(action="prepare_nodes", node_filter=ONE)
    return browser


async def test_a_machine_is_told_from_its_design_to_its_build_data(admin):
    text = text_of((await admin.get("/nodes/a01-control")).text)
    for said in (
        "rack-a",
        "image jammy HostProfile base",  # the value, and where it came from
        "prepare nodes",
        "a01-control.harbour.example",
        "lshw",
        "lldp",
        "Kind Name Bus address",
    ):
        assert said in text, said


async def test_what_opens_its_bmc_is_masked(admin):
    [node] = [n for r, d in [await admin.drydock.app.dashboard.in_use.of_node("a01-control")]
              for n in [d.site.nodes["a01-control"]]]  # fmt: skip
    text = (await admin.get("/nodes/a01-control")).text
    assert node.oob_parameters["credential"] not in text
    assert "********" in text


async def test_one_that_only_its_design_knows_has_a_page(admin):
    answer = await admin.get("/nodes/b01-control")
    assert answer.status_code == 200
    assert "Neither a task nor the provisioner knows it" in answer.text


async def test_one_that_nobody_knows_has_none(admin):
    answer = await admin.get("/nodes/nobody")
    assert answer.status_code == 404
    assert "Node nobody is known neither" in answer.text


async def test_a_name_is_a_name_whatever_it_looks_like(admin):
    answer = await admin.get("/nodes/%3Cscript%3Ealert(1)%3C%3E")
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text


async def test_its_bmc_is_asked_on_demand(admin):
    shown = await admin.post("/nodes/a01-control/power")
    assert shown.status_code == 200
    assert "now, by its BMC" in shown.text
    part = await admin.post("/nodes/a01-control/power", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert 'class="state' in part.text


async def test_a_bmc_that_does_not_answer_is_said(admin, monkeypatch):
    async def refuse(node, seconds):
        raise DriverTransient("a01-control: no answer from 10.40.0.11")

    monkeypatch.setattr(admin.drydock.app.services.tasks, "power_of", refuse)
    shown = await admin.post("/nodes/a01-control/power")
    assert "no answer from 10.40.0.11" in shown.text
    assert (await admin.post("/nodes/nobody/power")).status_code == 404


async def test_who_may_only_read_is_offered_nothing_and_refused(tmp_path):
    (tmp_path / "policy.yaml").write_text('"physical_provisioner:read_data": "role:reader"\n')
    async with page(tmp_path) as browser:
        await browser.drydock.task(action="prepare_nodes", node_filter=ONE)
        await browser.log_in("reader")
        text = (await browser.get("/nodes/a01-control")).text
        assert "Ask its BMC" not in text
        assert "tasks/new" not in text
        assert "Build data" not in text
        xsrf = await browser.xsrf_of("/nodes/a01-control")
        answer = await browser.post("/nodes/a01-control/power", xsrf=xsrf)
        assert answer.status_code == 403

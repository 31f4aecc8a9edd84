from dataclasses import replace
from urllib.parse import quote

import pytest

from drydockd.design.designs import Design
from drydockd.site import Node, Rack, Site
from drydockd.store import Put
from drydockd.tasks import NodeView
from drydockd.web.machines import line_of
from drydockd.web.site import racks_of
from tests.handlers.helpers import REF, SITE
from tests.handlers.test_nodes import ONE
from tests.web.helpers import text_of

HERE = f"?ref={quote(REF, safe='')}"


@pytest.fixture
async def admin(browser):
    await browser.log_in("admin")
    await browser.drydock.task(action="prepare_nodes", node_filter=ONE)
    return browser


async def test_the_sites_are_those_of_tasks(admin):
    text = (await admin.get("/sites")).text
    assert "harbour" in text
    assert f'href="/ui/site?ref={quote(REF)}"' in text
    assert "24" in text_of(text)


async def test_a_site_shows_its_racks_with_each_machine_by_word_and_icon(admin):
    text = (await admin.get(f"/site{HERE}")).text
    said = text_of(text)
    assert "rack-a 8" in said
    assert "a01-control ○ Ready" in said
    assert "No machine of this site is deployed." in said


async def test_what_differs_from_what_was_deployed_is_told(admin):
    drydock = admin.drydock
    await drydock.deployed("a02-compute")
    assert "are as this design says" in text_of((await admin.get(f"/site{HERE}")).text)
    services = drydock.app.services
    old = SITE.read_bytes().replace(b"image: jammy", b"image: focal")
    assert old != SITE.read_bytes()
    digest = await services.store.put_blob(old)
    context = services.store.boot_context("a02-compute")
    await services.store.write(Put(replace(context, design=digest)))
    said = text_of((await admin.get(f"/site{HERE}")).text)
    assert "platform › image focal jammy a02-compute" in said


async def test_findings_are_those_of_the_design_now_without_what_is_well(admin):
    answer = await admin.get(f"/site/findings{HERE}")
    assert answer.status_code == 200
    said = text_of(answer.text)
    assert "valid The design as it is now:" in said
    assert "Validation successful" not in said
    part = await admin.get(f"/site/findings{HERE}", headers={"HX-Request": "true"})
    assert "<html" not in part.text


@pytest.mark.parametrize("path", ["/site", "/site/findings"])
async def test_a_page_is_no_way_to_have_an_address_fetched(admin, path):
    assert (await admin.get(f"{path}?ref=http://169.254.169.254/")).status_code == 404
    assert (await admin.get(path)).status_code == 400


def test_machines_of_no_rack_are_together_and_empty_racks_are_shown():
    site = Site(racks={"r1": Rack("r1"), "r2": Rack("r2")}, nodes={"n1": Node("n1", rack="r1")})
    lines = [line_of(NodeView("n1"), {"n1": "r1"}), line_of(NodeView("n2"), {"n2": ""})]
    found = racks_of(Design("", "", b"", site), lines)
    assert [(rack.name, [line.name for line in rack.lines]) for rack in found] == [
        ("r1", ["n1"]),
        ("r2", []),
        ("", ["n2"]),
    ]

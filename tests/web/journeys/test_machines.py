"""Journeys through the pages of machines, in a real browser."""

import re

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow]

# More rows than are laid out at once; nobody has to deploy so many machines for it.
MANY = """() => {
  const body = document.querySelector("#machines tbody");
  const first = body.rows.length;
  for (let n = 0; n < 300; n++) {
    const row = body.rows[n % first].cloneNode(true);
    row.dataset.name = `more${n}`;
    row.querySelector("th a").textContent = `more${n}`;
    body.append(row);
  }
}"""


def visible(page):
    return page.locator("#machines tbody tr:visible")


@pytest.fixture
def table(world, ann):
    """The table of all machines."""
    ann.go("/")
    visible(ann.page).nth(51).wait_for()
    return ann.page


def test_machines_are_filtered_while_one_types_and_a_reload_keeps_it(table, ann):
    table.locator("#q").fill("n7")
    table.get_by_text("1 of 52 machines").wait_for()
    assert visible(table).count() == 1
    table.wait_for_url(re.compile(r"q=n7"))
    table.reload()
    table.get_by_text(re.compile("^1 (of 52 )?machines")).wait_for()
    assert visible(table).count() == 1
    assert ann.tab.violations() == []


def test_all_rows_come_back_when_the_filter_is_taken_away(table):
    table.evaluate(MANY)
    table.locator("#q").fill("more299")
    table.get_by_text("1 of 352 machines").wait_for()
    table.locator("#q").fill("")
    table.get_by_text("352 machines").wait_for()
    visible(table).nth(351).wait_for()
    assert visible(table).count() == 352


def test_the_bmc_of_one_row_is_asked_where_it_stands(table):
    table.get_by_role("button", name="Ask the BMC of n7", exact=True).click()
    row = table.locator('#machines tr[data-name="n7"]')
    row.get_by_text("now, by its BMC").wait_for()
    assert table.get_by_text("now, by its BMC").count() == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_wrong_with_any_page_of_machines(table, world, ann, scheme):
    ann.page.emulate_media(color_scheme=scheme)
    for path in ("/", "/nodes/n7", "/sites", f"/site?ref={world.ref}", "/api", "/login"):
        ann.go(path)
        assert ann.tab.violations() == [], path

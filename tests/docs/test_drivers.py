"""Drivers: each is in the table with its options; each that a document names can be had."""

import re

from drydockd.config.legacy import ORIGINAL_DRIVERS, driver_name
from drydockd.drivers import KINDS, known, shipped
from tests.docs.pages import codes, pages, rows
from tests.docs.test_options import example

SPAN = re.compile(r"[a-z_]+")


def test_the_table_holds_every_driver_and_no_other():
    written = {
        (row.cells["Kind"], name) for row in rows("Kind", "Name") for name in row.code("Name")
    }
    assert written == {(driver.kind, driver.name) for driver in shipped()}


def test_every_option_of_every_driver_is_documented():
    said = {
        span
        for code in codes()
        if code.where.startswith("docs/drivers")
        for span in SPAN.findall(code.text)
    }
    missing = [
        f"docs/drivers.md: option {option} of the {driver.kind} driver {driver.name}"
        for driver in shipped()
        for option in sorted(driver.offer.options.model_fields.keys() - said)
    ]
    assert not missing, "\n".join(missing)


def test_every_option_that_the_page_of_drivers_names_exists():
    real = {option for driver in shipped() for option in driver.offer.options.model_fields}
    wrong = [
        f"{row.where}: no driver has the option {option}"
        for row in rows("Option", "Default")
        if row.where.startswith("docs/drivers")
        for option in row.code("Option")
        if option not in real
    ]
    assert not wrong, "\n".join(wrong)


def test_every_driver_that_an_example_enables_can_be_had():
    wrong = []
    for page in pages():
        for block in page.blocks:
            plugins = example(block).get("plugins", {})
            for kind in KINDS:
                names = plugins.get(f"{kind}_driver") or []
                names = [names] if isinstance(names, str) else names
                wrong += [
                    f"{block.where}: there is no {kind} driver {name}"
                    for name in names
                    if (driver_name(name) or name) not in (*known(kind), *ORIGINAL_DRIVERS.values())
                    and ":" not in name
                ]
    assert not wrong, "\n".join(wrong)

"""Drivers: each is in the table with its options; each that a document names can be had."""

import importlib
import inspect
import re
from typing import get_args

from drydockd.drivers import FORESEEN, HISTORIC, Kind, known
from tests.docs.pages import codes, pages, rows
from tests.docs.test_options import example

KINDS = get_args(Kind)
SPAN = re.compile(r"[a-z_]+")


def options(kind: str, name: str) -> set[str]:
    """A driver's options are the keyword arguments of its class."""
    driver = importlib.import_module(f"drydockd.drivers.{kind}.{name}").DRIVER
    return set(inspect.signature(driver).parameters)


def test_the_table_holds_every_driver_and_no_other():
    written = {
        (row.cells["Kind"], name) for row in rows("Kind", "Name") for name in row.code("Name")
    }
    assert written == {(kind, name) for kind in KINDS for name in known(kind)}


def test_every_option_of_every_driver_is_documented():
    said = {
        span
        for code in codes()
        if code.where.startswith("docs/drivers")
        for span in SPAN.findall(code.text)
    }
    missing = [
        f"docs/drivers.md: option {option} of the {kind} driver {name}"
        for kind in KINDS
        for name in known(kind)
        for option in sorted(options(kind, name) - said)
    ]
    assert not missing, "\n".join(missing)


def test_every_option_that_the_page_of_drivers_names_exists():
    real = {option for kind in KINDS for name in known(kind) for option in options(kind, name)}
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
                    if name not in (*known(kind), *FORESEEN[kind], *HISTORIC) and ":" not in name
                ]
    assert not wrong, "\n".join(wrong)

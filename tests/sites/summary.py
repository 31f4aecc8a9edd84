"""A pytest plugin: whether real sites were compared with the original's answers, and how many.

Workers of pytest-xdist send what ran with each report; the controller prints the line.
"""

import pytest

from tests.sites.folder import NoSites, folder, site_names

PROPERTY = "real site"


def pytest_configure(config):
    try:
        folder()
    except NoSites as error:
        raise pytest.UsageError(str(error)) from None


def pytest_itemcollected(item):
    for mark in item.iter_markers("sites"):
        item.user_properties += [(PROPERTY, name) for name in mark.args]


def pytest_terminal_summary(terminalreporter):
    compared = {
        value
        for outcome in ("passed", "failed", "error")
        for report in terminalreporter.stats.get(outcome, ())
        for name, value in getattr(report, "user_properties", ())
        if name == PROPERTY
    }
    terminalreporter.write_line(line(len(site_names()), len(compared)))


def line(given: int, compared: int) -> str:
    if not given:
        return "real sites: not compared, no folder of designs given (DRYDOCKD_SITES)"
    if not compared:
        return f"real sites: none of the {_designs(given)} given was compared in this run"
    return f"real sites: compared with the original's answers on {_designs(compared)}"


def _designs(count: int) -> str:
    return f"{count} design" if count == 1 else f"{count} designs"

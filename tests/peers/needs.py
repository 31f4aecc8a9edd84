"""A pytest plugin: which tests need a real part; what happens where it is missing.

Without CI=true they are left out, and the end of the run says which and what would bring the
part. With CI=true a missing part is a failure. Tests of one part run in one process, so that it
is started once.
"""

import os
from collections import Counter

import pytest

from tests.peers.table import PEERS, Peer

LEFT_OUT = "left out: needs the real part"


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "peer(name): needs that real part (tests/peers/table.py); set by its fixtures too",
    )


def needed_by(item: pytest.Item) -> list[Peer]:
    said = {name for mark in item.iter_markers("peer") for name in mark.args}
    fixtures = set(getattr(item, "fixturenames", ()))
    said |= {name for name, peer in PEERS.items() if peer.fixtures & fixtures}
    return [PEERS[name] for name in sorted(said)]


# Before `-m` chooses and before xdist reads its groups.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if peers := needed_by(item):
            for peer in peers:
                item.add_marker(pytest.mark.peer(peer.name))
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group("-".join(peer.name for peer in peers)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    for peer in needed_by(item):
        if not peer.is_there():
            if os.environ.get("CI") == "true":
                pytest.fail(f"{peer.name} is missing; run: {peer.command()}", pytrace=False)
            pytest.skip(f"{LEFT_OUT} {peer.name}; run: {peer.command()}")


def pytest_terminal_summary(terminalreporter) -> None:
    left_out = Counter(
        report.longrepr[2].partition(LEFT_OUT)[2].strip()
        for report in terminalreporter.stats.get("skipped", ())
        if isinstance(report.longrepr, tuple) and LEFT_OUT in report.longrepr[2]
    )
    for what, number in sorted(left_out.items()):
        terminalreporter.write_line(f"{number} tests were left out, they need {what}", yellow=True)

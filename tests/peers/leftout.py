"""A pytest plugin: what one run leaves out, another one makes up for (`.ci/fresh`).

``--note-left-out FILE`` writes there which tests were skipped. ``--make-up-for FILE`` takes these,
and besides only tests that depend on more of the machine than its Python: on real parts, processes
and sites, and the slow ones. The rest has passed already.
"""

from pathlib import Path

import pytest

DEPEND_ON_THE_MACHINE = ("peer", "process", "sites", "slow")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("left out")
    group.addoption("--note-left-out", type=Path, metavar="FILE", help="write what is skipped")
    group.addoption("--make-up-for", type=Path, metavar="FILE", help="run what was skipped")


# After real parts are marked and `-m` has chosen.
@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    path: Path | None = config.getoption("--make-up-for")
    if path is None:
        return
    left_out = frozenset(path.read_text(encoding="utf-8").splitlines())
    kept, passed = list[pytest.Item](), list[pytest.Item]()
    for item in items:
        depends = any(item.get_closest_marker(name) for name in DEPEND_ON_THE_MACHINE)
        (kept if depends or item.nodeid in left_out else passed).append(item)
    if passed:
        config.hook.pytest_deselected(items=passed)
        items[:] = kept


# Of the process that is told of all tests; those that run them have no such thing.
def pytest_terminal_summary(terminalreporter, config: pytest.Config) -> None:
    path: Path | None = config.getoption("--note-left-out")
    if path is not None:
        skipped = {report.nodeid for report in terminalreporter.stats.get("skipped", ())}
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f"{one}\n" for one in sorted(skipped)), encoding="utf-8")

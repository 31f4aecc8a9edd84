"""Real peers every part's tests may ask for; each starts on first use."""

from dataclasses import replace

import pytest

from drydockd.store.staging import Staging

pytest_plugins = [
    "pytester",
    "tests.peers.needs",
    "tests.peers.leftout",
    "tests.peers.keystone",
    "tests.peers.sushy",
    "tests.peers.ipmi",
    "tests.peers.ironic",
    "tests.peers.libvirt",
    "tests.peers.guest",
    "tests.peers.debian",
    "tests.peers.postgres",
    "tests.peers.standby",
    "tests.peers.wire",
    "tests.peers.browser",
    "tests.sites.summary",
]


def pytest_collection_modifyitems(config, items):
    """Spread over processes, what is slow begins first: else all wait for the last one."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)


@pytest.fixture(autouse=True, scope="session")
def edits_are_evaluated_twice():
    """A backend may evaluate an edit again (store.base.Edit), so each must be pure."""
    once = Staging._stage_edit

    def stage_twice(self, batch, change):
        def edit(record):
            change.edit(record)
            return change.edit(record)

        once(self, batch, replace(change, edit=edit))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Staging, "_stage_edit", stage_twice)
        yield

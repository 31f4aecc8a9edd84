"""The package, and hosts of their own that it comes to and goes from."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

import drydockd
from tests.peers.debian import debs
from tests.peers.guest import NoGuest, booted, may_boot
from tests.peers.needs import LEFT_OUT
from tests.peers.table import PEERS

NEWER = "0.1.1"
HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Minutes, so only where they are asked for: `make deb-check`."""
    if os.environ.get("DRYDOCKD_PACKAGES") == "1":
        return
    for item in items:
        # The hook is handed the tests of all folders.
        here = item.path.is_relative_to(HERE)
        if here and {"packages", "machine"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason="boots hosts for a minute: make deb-check"))


def _missing(error):
    # Who asked for it and cannot have it is told; CI must have it.
    text = f"{error}; run: {PEERS['guest'].command()}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"no guest: {text}", pytrace=False)
    pytest.skip(f"{LEFT_OUT} guest: {text}")


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    """The package, the same built again elsewhere, and a newer one."""
    if (reason := may_boot()) is not None:
        _missing(reason)
    folder = tmp_path_factory.mktemp("packages")
    version = drydockd.__version__
    try:
        return debs(folder, ("one", version), ("further/away", version), ("newer", NEWER))
    except NoGuest as error:
        _missing(error)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """An empty Debian, booted, for one module."""
    with ExitStack() as ending:
        try:
            yield ending.enter_context(booted(tmp_path_factory.mktemp("machine")))
        except NoGuest as error:
            _missing(error)

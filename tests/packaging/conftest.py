"""The package, and hosts of their own that it comes to and goes from."""

import os
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.peers.debian import renewed, shared_deb
from tests.peers.guest import NoGuest, booted
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
        if here and {"package", "machine"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.skip(reason="boots hosts for a minute: make deb-check"))


def _missing(error):
    # Who asked for it and cannot have it is told; CI must have it.
    text = f"{error}; run: {PEERS['guest'].command()}"
    if os.environ.get("CI") == "true":
        pytest.fail(f"no guest: {text}", pytrace=False)
    pytest.skip(f"{LEFT_OUT} guest: {text}")


@pytest.fixture(scope="session")
def package(tmp_path_factory):
    """The package of this checkout."""
    try:
        return shared_deb(tmp_path_factory)
    except NoGuest as error:
        _missing(error)


@pytest.fixture(scope="session")
def newer(package, tmp_path_factory):
    """The same with a higher version, and another configuration file."""
    return renewed(package, tmp_path_factory.mktemp("newer"), NEWER)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """An empty Debian, booted, for one module."""
    with ExitStack() as ending:
        try:
            yield ending.enter_context(booted(tmp_path_factory.mktemp("machine")))
        except NoGuest as error:
            _missing(error)

import os

import pytest
from click.testing import CliRunner

from drydockd.cli.root import cli
from tests.client.helpers import serving


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch):
    for name in list(os.environ):
        others = ("BOOTACTION_KEY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
        if name.startswith(("OS_", "DD_")) or name in others:
            monkeypatch.delenv(name)


@pytest.fixture
def server():
    with serving() as found:
        yield found


@pytest.fixture
def drydock(server):
    """Run the command against the recording server; ``drydock("task", "list")``."""

    def run(*arguments, url=True):
        options = ["--url", server.url, "--os-token", "t0ken"] if url else []
        return CliRunner().invoke(cli, [*options, *arguments], prog_name="drydock")

    return run

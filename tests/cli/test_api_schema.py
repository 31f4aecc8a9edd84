"""drydock api-schema: what a daemon would answer, with none there."""

import json

from click.testing import CliRunner

from drydockd.cli.root import cli
from drydockd.handlers.openapi import published
from tests.docs.pages import ROOT


def test_the_document_is_printed_without_a_daemon():
    done = CliRunner().invoke(cli, ["--url", "http://127.0.0.1:1", "api-schema"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == json.loads(published()[0])


def test_it_is_what_comes_with_the_sources():
    done = CliRunner().invoke(cli, ["api-schema"])
    assert done.stdout == (ROOT / "docs" / "openapi.json").read_text(encoding="utf-8")

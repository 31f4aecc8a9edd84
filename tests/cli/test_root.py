"""The root: help without imports, offline commands without a server, secrets never shown."""

import logging
import subprocess
import sys

import pytest
from click.testing import CliRunner

import drydockd
from drydockd.cli import COMMANDS
from drydockd.cli.root import cli

OPTIONS = [
    "os_project_domain_name",
    "os_user_domain_name",
    "os_project_name",
    "os_username",
    "os_password",
    "os_auth_url",
    "os_token",
    "os_cloud",
    "os_project_id",
    "os_user_id",
    "os_user_domain_id",
    "os_project_domain_id",
    "os_region_name",
    "os_interface",
    "os_application_credential_id",
    "os_application_credential_secret",
]


@pytest.fixture(autouse=True)
def _loggers_as_before():
    levels = {name: logging.getLogger(name).level for name in ("httpx", "keystoneauth")}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.mark.process
def test_help_lists_every_command_and_imports_none():
    code = (
        "import sys; from drydockd.cli.root import cli; cli(['--help'], standalone_mode=False); "
        "assert not {'httpx', 'tornado', 'jinja2', 'yaml', 'keystoneauth1'} & set(sys.modules)"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    for name, (_, summary) in COMMANDS.items():
        assert f"  {name}" in out.stdout
        assert summary in out.stdout


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("spelling", [str, lambda o: o.replace("_", "-")])
def test_both_spellings_of_an_option_are_taken(option, spelling):
    result = CliRunner().invoke(cli, [f"--{spelling(option)}", "x", "task", "--help"])
    assert result.exit_code == 0, result.output


def test_the_environment_stands_in_for_options(server, monkeypatch):
    monkeypatch.setenv("DD_URL", server.url)
    monkeypatch.setenv("OS_TOKEN", "from-env")
    server.answers["GET /api/v1.0/tasks"] = (200, [])
    assert CliRunner().invoke(cli, ["task", "list"]).output == "[]\n"
    assert server.asked[0].headers["X-Auth-Token"] == "from-env"


def test_an_unknown_command_is_wrong_usage():
    result = CliRunner().invoke(cli, ["tasks"])
    assert result.exit_code == 2
    assert "No such command 'tasks'" in result.output


@pytest.mark.process
def test_debug_output_has_neither_token_nor_password(server):
    server.answers["GET /api/v1.0/tasks"] = (200, [])
    out = subprocess.run(
        [sys.executable, "-c", "from drydockd.cli import main; main()", "--debug",
         "--url", server.url, "--os_token", "s3cret-token", "--os_password", "s3cret-word",
         "task", "list"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert server.asked[0].headers["X-Auth-Token"] == "s3cret-token"
    assert "DEBUG" in out.stderr
    assert "s3cret" not in out.stderr + out.stdout
    assert out.stdout == "[]\n"


def test_the_version_is_told():
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"drydock {drydockd.__version__}\n")

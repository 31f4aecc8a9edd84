"""`drydock netboot` on this host."""

import pytest
from click.testing import CliRunner

from drydockd.cli.netboot import command

DESIGN = """---
schema: drydock/Region/v1
metadata: {schema: metadata/Document/v1, name: lab}
data: {}
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "drydockd.yaml"

    def run(text, *arguments):
        path.write_text("auth: {strategy: jwt}\n" + text)
        verb, *more = arguments
        return CliRunner().invoke(command, [verb, "--config", str(path), *more])

    return run


def test_the_snippet_has_the_url_of_the_configuration(run):
    result = run("netboot_driver: {base_url: 'http://10.0.0.1:9100'}\n", "dhcp-snippet")
    assert result.exit_code == 0
    assert "http://10.0.0.1:9100/boot/ipxe?mac=${netX/mac}" in result.stdout


def test_setup_says_all_that_is_missing_and_fails(run, tmp_path):
    given = f"{{base_url: 'http://127.0.0.1:1', dhcp: none, images: {tmp_path / 'none'}}}"
    result = run(f"netboot_driver: {given}\n", "setup", "--no-ask")
    assert result.exit_code == 1
    assert "MISSING agent agent" in result.stdout
    assert "-> drydock image build agent" in result.stdout


@pytest.mark.peer("ip")
def test_setup_looks_at_the_networks_of_a_design(run, tmp_path):
    design = tmp_path / "site.yaml"
    design.write_text(DESIGN)
    text = "netboot_driver: {base_url: 'http://127.0.0.1:1', dhcp: none}\n"
    result = run(text, "setup", "--no-ask", "--design", str(design))
    assert "the design has no boot network" in result.stdout


@pytest.mark.parametrize("text", ["api: {}\n", "netboot_driver: {listen: '0.0.0.0:1'}\n"])
def test_a_configuration_without_the_driver_is_refused(run, text):
    result = run(text, "setup")
    assert result.exit_code == 2
    assert "base_url" in result.stderr

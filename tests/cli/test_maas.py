"""`drydock maas`."""

import asyncio
import threading

import pytest
from click.testing import CliRunner

from drydockd.cli.maas import command
from tests.peers.maas import Simulator
from tests.peers.maas.machines import add_rack
from tests.peers.maas.site import furnished

BARE = "auth: {strategy: jwt}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    path = tmp_path / "drydockd.yaml"

    def run(text, *arguments):
        path.write_text(BARE + text)
        verb, *more = arguments
        return CliRunner().invoke(command, [verb, "--config", str(path), *more])

    return run


@pytest.fixture
def region():
    """A simulated MAAS in a thread of its own: the command has a loop of its own."""
    simulator, loop = furnished(Simulator()), asyncio.new_event_loop()
    add_rack(simulator, "rack1", "52:54:ff:00:00:01", next(iter(simulator.vlans)))
    loop.run_until_complete(simulator.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield simulator
    asyncio.run_coroutine_threadsafe(simulator.stop(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def section(region, **given):
    options = {"maas_api_url": region.url, "maas_api_key": region.api_key, "retry_seconds": 0}
    return f"maasdriver: {options | given}\n"


def test_a_region_that_works_is_checked_with_every_verdict(run, region):
    result = run(section(region), "check")
    assert result.exit_code == 0, result.output
    assert "ok      MAAS 3.6.3 answers" in result.stdout
    assert "1 of 1 rack controllers" in result.stdout


def test_what_is_wrong_is_marked_and_no_secret_shown(run, region):
    region.resources.clear()
    result = run(section(region, maas_api_key="a:b:wr0ng-key"), "check")
    assert result.exit_code == 1
    assert "WRONG   MAAS: GET account/ list_authorisation_tokens: 401" in result.stdout
    assert "wr0ng-key" not in result.output
    assert region.key.secret not in result.output


@pytest.mark.parametrize("text", ["", "maasdriver: {maas_api_url: http://h/MAAS}\n"])
def test_a_configuration_without_the_driver_is_refused(run, text):
    result = run(text, "check")
    assert result.exit_code == 2
    assert "maasdriver.maas_api_key is missing" in result.stderr


def test_the_snippet_has_the_public_url_of_the_configuration(run):
    result = run("api: {public_url: 'https://drydock.example:9000'}\n", "snippet")
    assert result.exit_code == 0
    assert "https://drydock.example:9000/api/v1.0/bootactions/nodes/" in result.stdout
    assert "check-certificate" not in result.stdout


def test_url_and_trust_may_be_given(run):
    result = run("", "snippet", "--url", "https://d/", "--node-ca-file", "/etc/ca.pem")
    assert "https://d/api/v1.0/bootactions" in result.stdout
    assert "--ca-certificate=/etc/ca.pem" in result.stdout
    assert "--no-check-certificate" in run("", "snippet", "--no-check-certificate").stdout
    both = run("", "snippet", "--no-check-certificate", "--node-ca-file", "x")
    assert both.exit_code == 2


def test_a_bad_configuration_is_told(run):
    result = run("timeouts: {deploy_node: 0}\n", "snippet")
    assert result.exit_code == 2
    assert "deploy_node" in result.stderr

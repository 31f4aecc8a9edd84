"""Which store a command is about, and that no password is shown."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from drydockd import preflight
from drydockd.cli.database import (
    LONGEST_LEASE,
    Database,
    database_options,
    find_database,
    find_store,
    state_dir_option,
    told,
)
from drydockd.errors import StoreRefused
from drydockd.store.statedir import StateDir

URL = "postgresql://u:p5x@h1,h2/d"
OPEN = "postgresql://u@h1,h2/d"


@click.command()
@state_dir_option
@database_options
def which(state_dir, files, url, url_file):
    """Print the store, for the tests."""
    place = find_store(state_dir, files, url, url_file)
    if isinstance(place, Database):
        click.echo(json.dumps([place.url, str(place), place.lease_seconds]))
    else:
        assert isinstance(place, StateDir)
        click.echo(str(place.path))


@click.command()
@database_options
def database(files, url, url_file):
    """Print the database, for the tests."""
    click.echo(str(find_database(files, url, url_file)))


@pytest.fixture(autouse=True)
def usual(tmp_path, monkeypatch):
    """Where the usual configuration would be; it is not there."""
    monkeypatch.setattr(preflight, "DEFAULT_CONFIG", tmp_path / "usual.yaml")
    return tmp_path / "usual.yaml"


@pytest.fixture
def config(tmp_path):
    return configured(tmp_path / "drydockd.yaml")


def configured(
    path, text=f"store: {{backend: postgres, url: '{URL}'}}\ncluster: {{lease_seconds: 9}}"
):
    path.write_text(f"{text}\nplugins: {{node_driver: fake}}\nauth: {{strategy: jwt}}\n")
    path.chmod(0o600)
    return path


def run(*arguments, command=which, **environ):
    return CliRunner().invoke(command, [*map(str, arguments)], env=environ)


def test_without_a_word_it_is_the_usual_state_directory():
    assert run().output == "/var/lib/drydockd\n"
    assert run(DRYDOCKD_STORE__STATE_DIR="/x").output == "/x\n"
    assert run("--state-dir", "/y", DRYDOCKD_STORE__URL=OPEN).output == "/y\n"


def test_a_configuration_says_it(config, usual, tmp_path):
    expected = [URL, OPEN, 9]
    assert json.loads(run("--config", config).output) == expected
    assert json.loads(run("--config", config, DRYDOCKD_STORE__STATE_DIR="/x").output) == expected
    configured(usual)
    assert json.loads(run().output) == expected
    tiny = configured(tmp_path / "tiny.yaml", "store: {state_dir: /z}")
    assert run("--config", tiny).output == "/z\n"


def test_the_usual_configuration_of_a_single_daemon_changes_nothing(usual):
    configured(usual, "store: {state_dir: /z}")
    assert run().output == "/var/lib/drydockd\n"


def test_a_directory_is_looked_at_however_wrong_the_usual_configuration_is(usual):
    for wrong in ("store: {bakend: tiny}", "store: {backend: x}", "store: ["):
        configured(usual, wrong)
        result = run()
        assert result.stdout == "/var/lib/drydockd\n"
        assert result.stderr.startswith("note: the configuration cannot be read: ")
    configured(usual, f"store: {{backend: postgres, url: '{URL}', bakend: x}}")
    assert "bakend" in run().output


def test_the_environment_of_a_container_says_it():
    environ = {
        "DRYDOCKD_STORE__BACKEND": "postgres",
        "DRYDOCKD_STORE__URL": URL,
        "DRYDOCKD_AUTH__STRATEGY": "jwt",
        "DRYDOCKD_PLUGINS__NODE_DRIVER": "fake",
    }
    assert json.loads(run(**environ).output)[:2] == [URL, OPEN]


def test_a_url_may_be_typed_without_a_password():
    assert json.loads(run("--url", OPEN).output) == [OPEN, OPEN, LONGEST_LEASE]


@pytest.mark.parametrize("url", [URL, f"{OPEN}?password=p5x", f"{OPEN}?sslpassword=p5x"])
def test_a_password_in_an_argument_is_refused_and_not_repeated(url):
    result = run("--url", url)
    assert result.exit_code == 2
    assert "a password in an argument is seen by everybody" in result.output
    assert "PGPASSFILE" in result.output
    assert "p5x" not in result.output


def test_in_the_variable_or_in_a_file_it_may_have_one(tmp_path):
    assert json.loads(run(DRYDOCKD_STORE__URL=URL).output) == [URL, OPEN, LONGEST_LEASE]
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    file.chmod(0o600)
    assert json.loads(run("--url-file", file).output) == [URL, OPEN, LONGEST_LEASE]
    file.chmod(0o640)
    result = run("--url-file", file)
    assert result.exit_code == 1
    assert "can be read by others than its owner; run `chmod go= " in result.output


def test_with_a_configuration_beside_it_a_url_has_its_settings(config):
    assert json.loads(run("--url", OPEN, "--config", config).output) == [OPEN, OPEN, 9]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--state-dir", "/x", "--url", OPEN), "--state-dir and a database are two stores"),
        (("--url", OPEN, "--url-file", __file__), "give one of them"),
        (("--url", "mysql://u:p5x@h/d"), "--url: the database's URL must be postgresql://"),
    ],
)
def test_what_contradicts_itself_is_wrong_usage(arguments, said):
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.output
    assert "p5x" not in result.output


def test_a_configuration_without_a_database_is_told(tmp_path):
    tiny = configured(tmp_path / "tiny.yaml", "store: {state_dir: /z}")
    result = run("--config", tiny, command=database)
    assert result.exit_code == 1
    assert "store.backend is tiny: this configuration names no database" in result.output


def test_a_configuration_with_a_mistake_is_told(tmp_path):
    result = run("--config", configured(tmp_path / "c.yaml", "store: {bakend: postgres}"))
    assert result.exit_code == 1
    assert "the configuration cannot be read:" in result.output
    assert "bakend" in result.output


def test_errors_are_sentences():
    with pytest.raises(click.ClickException, match="so it is"), told():
        raise StoreRefused("so it is")
    with pytest.raises(click.ClickException, match="nowhere"), told():
        Path("/nowhere/at/all").read_text()

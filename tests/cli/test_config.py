import pytest
from click.testing import CliRunner

from drydockd import parts
from drydockd.cli.config import command
from drydockd.config import load
from drydockd.config.sample import sample

GOOD = "auth: {strategy: jwt}\nkeystone_authtoken: {password: hunter2}\n"


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("DRYDOCKD_AUTH__STRATEGY", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)

    def run(verb: str, text: str | None = None, *more: str):
        arguments = [verb, *more]
        if text is not None:
            path = tmp_path / "given"
            path.write_text(text)
            arguments.append(str(path))
        return CliRunner().invoke(command, arguments)

    return run


def test_a_good_configuration_is_called_good_and_warned_about(run, tmp_path):
    result = run("check", f"{GOOD}store: {{state_dir: {tmp_path / 'state'}}}\n")
    assert result.exit_code == 0
    assert "the configuration is good" in result.stdout
    assert "every node reports to itself" in result.stderr


def test_every_mistake_is_printed_and_the_exit_code_is_2(run):
    result = run("check", "apii: {}\napi: {listn: x}\n timeouts: {}")
    assert result.exit_code == 2
    result = run("check", "api: {listn: x}\ntimeouts: {deploy_node: 0}\n")
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 2
    assert "did you mean listen?" in result.stderr


def test_a_missing_file_is_a_mistake(run, tmp_path):
    result = run("check", None, str(tmp_path / "no.yaml"))
    assert result.exit_code == 2
    assert f"{tmp_path}/no.yaml: cannot be read: " in result.stderr


def test_the_outcome_is_shown_without_secrets(run):
    result = run("show", GOOD)
    assert result.exit_code == 0
    assert "  strategy: [jwt]  # " in result.stdout
    assert "  password: '****'  # " in result.stdout
    assert "hunter2" not in result.output


def test_mistakes_do_not_keep_what_can_be_read_from_being_shown(run):
    # The sample says nothing but defaults, and by default Keystone is asked, which has no address.
    result = run("show", sample(parts.schema()))
    assert result.exit_code == 2
    assert "  listen: 0.0.0.0:9000  # default" in result.stdout
    assert "  password: null  # default" in result.stdout
    assert result.stderr == (
        "configuration: keystone_authtoken.auth_url: is required by auth.strategy keystone\n"
    )
    result = run("show", "api: {listn: x}\nauth: {strategy: jwt}\n")
    assert "  strategy: [jwt]  # " in result.stdout
    assert "did you mean listen?" in result.stderr
    assert run("show", "limits: {fan_out: x}\n").stdout == ""


def test_the_sample_is_printed(run):
    assert run("sample").stdout == sample(parts.schema())


def test_the_drivers_and_their_options_are_printed(run):
    text = run("drivers").stdout
    assert "| oob | `manual` | a person" in text
    assert "| `wait` | `60.0` | ≥ 0, ≤ 86400 |" in text


def test_a_file_of_the_original_is_converted(run, tmp_path):
    result = run("convert", "[DEFAULT]\npoll_interval = 7\n[database]\npool_size = 3\n")
    assert result.exit_code == 0
    assert "note: [database] has no meaning here and was left out" in result.stderr
    path = tmp_path / "new.yaml"
    path.write_text(result.stdout)
    own = tmp_path / "own.yaml"
    own.write_text("auth: {strategy: jwt}\n")
    assert load([path, own]).settings.default.poll_interval == 7


def test_what_is_no_ini_file_is_refused_with_its_line(run):
    result = run("convert", "[a]\nb\n")
    assert result.exit_code == 1
    assert "line 2" in result.stderr

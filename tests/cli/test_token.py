"""`drydock token`: mint and explain, without a daemon."""

import os

import pytest
from click.testing import CliRunner

from drydockd.auth.jwt import LocalTokens
from drydockd.auth.jwtkeys import secret_key
from drydockd.cli.token import command
from drydockd.config import load


@pytest.fixture
def run(tmp_path):
    def call(*arguments, **more):
        return CliRunner().invoke(command, [*arguments, "--state-dir", str(tmp_path)], **more)

    return call


def test_a_created_token_is_accepted_with_its_user_and_roles(run, tmp_path):
    made = run("create", "--user", "ann", "--role", "admin", "--role", "member", "--ttl", "5m")
    assert made.exit_code == 0, made.output
    tokens = LocalTokens([secret_key(tmp_path / "jwt.secret")])
    caller, _ = tokens.check(made.output.strip())
    assert (caller.user, caller.roles) == ("ann", ("admin", "member"))
    assert (tmp_path / "jwt.secret").stat().st_mode & 0o777 == 0o600


def test_an_accepted_token_is_shown_from_standard_input_too(run):
    token = run("create", "--user", "ann", "--role", "admin").output
    shown = run("inspect", "-", input=token)
    assert shown.exit_code == 0, shown.output
    assert "accepted" in shown.output
    assert '["admin"]' in shown.output
    assert "+00:00" in shown.output


def test_the_state_directory_is_named_as_for_the_daemon(tmp_path):
    # A variable of another name that begins like the daemon's would keep the daemon from starting.
    place = {"DRYDOCKD_STORE__STATE_DIR": str(tmp_path)}
    made = CliRunner().invoke(command, ["create", "--user", "ann", "--role", "admin"], env=place)
    assert made.exit_code == 0, made.output
    assert (tmp_path / "jwt.secret").exists()
    assert load([], place | {"DRYDOCKD_AUTH__STRATEGY": "jwt"}).settings.store.state_dir == tmp_path


def test_a_refused_token_is_explained(run):
    token = run("create", "--user", "ann", "--role", "admin", "--audience", "lab").output.strip()
    shown = run("inspect", token)
    assert shown.exit_code == 1
    assert "refused: meant for 'lab'; this daemon is 'drydockd'" in shown.output


def test_a_rotated_secret_is_good_for_old_tokens_until_it_is_removed(run, tmp_path):
    old = run("create", "--user", "ann", "--role", "admin").output.strip()
    (tmp_path / "jwt.secret").rename(tmp_path / "jwt.secret.old")
    new = run("create", "--user", "ann", "--role", "admin").output.strip()
    assert run("inspect", old).exit_code == 0
    assert run("inspect", new).exit_code == 0
    (tmp_path / "jwt.secret.old").unlink()
    assert run("inspect", old).exit_code == 1


def test_a_token_of_another_daemon_is_explained(run, tmp_path):
    token = run("create", "--user", "ann", "--role", "admin").output.strip()
    (tmp_path / "jwt.secret").unlink()
    run("create", "--user", "ann", "--role", "admin")
    assert "unknown key id" in run("inspect", token).output


@pytest.mark.parametrize("ttl", ["0h", "12", "h", "-1h", "31d", "1w", "9999999999d"])
def test_a_bad_time_to_live_is_refused(run, ttl):
    made = run("create", "--user", "ann", "--role", "admin", "--ttl", ttl)
    assert made.exit_code == 2
    assert "--ttl" in made.output


@pytest.mark.parametrize(
    "arguments", [("--user", "ann"), ("--role", "x"), ("--user", " ", "--role", "x"),
                  ("--user", "a\nb", "--role", "x"), ("--user", "ann", "--role", "")],
)  # fmt: skip
def test_user_and_role_must_be_given(run, arguments):
    assert run("create", *arguments).exit_code == 2


def test_a_state_directory_that_is_not_there_is_named(tmp_path):
    gone = str(tmp_path / "gone")
    made = CliRunner().invoke(
        command, ["create", "--user", "a", "--role", "b", "--state-dir", gone]
    )
    assert made.exit_code == 1
    assert "no such state directory" in made.output
    shown = CliRunner().invoke(command, ["inspect", "x.y.z", "--state-dir", gone])
    assert shown.exit_code == 1
    assert "missing" in shown.output


def test_a_secret_others_may_read_is_refused(run, tmp_path):
    run("create", "--user", "ann", "--role", "admin")
    os.chmod(tmp_path / "jwt.secret", 0o644)
    assert "chmod 0600" in run("create", "--user", "ann", "--role", "admin").output


def test_tokens_are_inspected_with_public_keys(run, tmp_path):
    (tmp_path / "bad.pem").write_text("x")
    shown = run("inspect", "x.y.z", "--key", str(tmp_path / "bad.pem"))
    assert shown.exit_code == 1
    assert "bad.pem" in shown.output


CONFIG = "auth: {strategy: jwt, jwt_issuer: https://site.example, jwt_audience: north}\n"


@pytest.fixture
def configured(tmp_path):
    (tmp_path / "state").mkdir(mode=0o700)
    path = tmp_path / "drydockd.yaml"
    path.write_text(CONFIG + f"store: {{state_dir: {tmp_path / 'state'}}}\n")
    return path


def call(*arguments, **more):
    return CliRunner().invoke(command, [*map(str, arguments)], **more)


def test_a_token_follows_the_daemons_configuration(configured, tmp_path):
    """Minted for another issuer than the daemon trusts, it was refused and nobody knew why."""
    who = ("--user", "ann", "--role", "admin", "--config", configured)
    made = call("create", *who)
    assert made.exit_code == 0, made.output
    keys = [secret_key(tmp_path / "state" / "jwt.secret")]
    tokens = LocalTokens(keys, issuer="https://site.example", audience="north")
    assert tokens.check(made.output.strip())[0].user == "ann"
    shown = call("inspect", "-", "--config", configured, input=made.output)
    assert shown.output.endswith("accepted\n")
    other = call("create", *who, "--issuer", "lab").output.strip()
    assert "refused: issued by 'lab'" in call("inspect", other, "--config", configured).output


def test_the_environment_counts_as_for_the_daemon(configured):
    place = {"DRYDOCKD_AUTH__JWT_ISSUER": "from-env"}
    who = ("--user", "ann", "--role", "admin", "--config", configured)
    token = call("create", *who, env=place).output.strip()
    assert "from-env" in call("inspect", token, "--config", configured).output


def test_a_configuration_that_was_named_and_is_wrong_is_an_error(tmp_path):
    result = call("create", "--user", "a", "--role", "b", "--config", tmp_path / "no.yaml")
    assert result.exit_code == 1
    assert "no.yaml: cannot be read" in result.output

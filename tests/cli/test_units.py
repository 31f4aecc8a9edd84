"""A `systemctl` that plays its part; the real one is asked in tests/daemon/test_service.py."""

import os

import click
import pytest

from drydockd.cli import units
from drydockd.config import load

SHOWN = """\
#!/bin/sh
[ "$1" = cat ] && exec cat "$0.unit"
case "$3 $5" in
"LoadState drydockd.service") echo loaded;;
"TriggeredBy drydockd.service") echo drydockd.socket;;
"StateDirectory drydockd.service") echo drydockd;;
"Environment drydockd.service") echo 'DRYDOCKD_STORE__STATE_DIR=/srv/state OTHER=x';;
ActiveState*) cat "$0.$5";;
esac
"""


@pytest.fixture
def systemd(tmp_path, monkeypatch):
    """A machine with the shipped units; returns a function that says how one of them is."""
    program = tmp_path / "systemctl"
    program.write_text(SHOWN)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setattr(units, "BOOTED", tmp_path)
    monkeypatch.setattr(units, "STATE", tmp_path)
    monkeypatch.setattr(units.os, "geteuid", lambda: 0)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)

    def states(service, socket, unit=""):
        (tmp_path / "systemctl.drydockd.service").write_text(service)
        (tmp_path / "systemctl.drydockd.socket").write_text(socket)
        (tmp_path / "systemctl.unit").write_text(unit)

    states("inactive", "inactive")
    return states


def test_with_both_units_stopped_the_folder_is_free(systemd, tmp_path):
    units.require_stopped(tmp_path / "drydockd")
    systemd("failed", "inactive")
    units.require_stopped(tmp_path / "drydockd")


@pytest.mark.parametrize(
    ("service", "socket", "named"),
    [
        ("inactive", "active", "drydockd.socket must"),
        ("active", "active", "drydockd.service and drydockd.socket must"),
    ],
)
def test_a_unit_that_is_not_stopped_is_named_with_the_command(
    systemd, tmp_path, service, socket, named
):
    systemd(service, socket)
    with pytest.raises(click.ClickException) as error:
        units.require_stopped(tmp_path / "drydockd")
    assert named in error.value.message
    assert "systemctl stop drydockd.socket drydockd.service" in error.value.message


def test_another_folder_or_a_machine_without_systemd_is_no_business_of_the_units(
    systemd, tmp_path, monkeypatch
):
    systemd("active", "active")
    units.require_stopped(tmp_path / "other")
    monkeypatch.setattr(units, "BOOTED", tmp_path / "no")
    units.require_stopped(tmp_path / "drydockd")


def test_root_is_given_what_the_unit_gives_its_daemon(systemd, tmp_path):
    secret = tmp_path / "password"
    secret.write_text("hunter2")
    systemd(
        "active",
        "active",
        f"[Service]\nLoadCredential=a.b:/no\nLoadCredential=\n#LoadCredential=c.d:{secret}\n"
        f"LoadCredential=keystone_authtoken.password:{secret}\nLoadCredential=gone:/no/file\n",
    )
    with units.daemons_environment(()) as environ:
        environ = environ | {"DRYDOCKD_AUTH__STRATEGY": "jwt"}
        assert os.listdir(environ["CREDENTIALS_DIRECTORY"]) == ["keystone_authtoken.password"]
        settings = load([], environ).settings
    assert settings.keystone_authtoken.password.get_secret_value() == "hunter2"
    assert str(settings.store.state_dir) == "/srv/state"
    assert "OTHER" not in environ


def test_nothing_is_added_for_another_file_or_another_user(systemd, tmp_path, monkeypatch):
    with units.daemons_environment([tmp_path / "other.yaml"]) as environ:
        assert "DRYDOCKD_STORE__STATE_DIR" not in environ
    monkeypatch.setattr(units.os, "geteuid", lambda: 7)
    with units.daemons_environment(()) as environ:
        assert "CREDENTIALS_DIRECTORY" not in environ


def test_a_systemd_that_does_not_answer_is_said(systemd, tmp_path):
    (tmp_path / "systemctl").write_text("#!/bin/sh\necho no bus >&2; exit 1\n")
    with pytest.raises(click.ClickException, match="cannot ask systemd: no bus"):
        units.require_stopped(tmp_path / "drydockd")

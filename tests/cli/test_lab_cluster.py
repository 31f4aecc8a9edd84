"""A lab of several daemons, as a user starts it; and what of it is left when it ends, however."""

import contextlib
import os
import re
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from drydockd.cli.lab import command
from drydockd.cli.lab_cluster import Plan, configured, merged
from tests.designs import design_path


def test_all_have_the_same_secrets_and_the_balancers_address(tmp_path):
    sections = {
        "api": {"listen": "127.0.0.1:9000", "public_url": "http://127.0.0.1:9000"},
        "store": {"state_dir": tmp_path / "state"},
        "drivers": {"fake_driver": {}},
    }
    found = configured(Plan(tmp_path, 2, sections), "postgresql://x/y", "http://127.0.0.1:1")
    texts = [(daemon.folder / "drydockd.yaml").read_text() for daemon in found]
    own = re.compile(r"daemon-\d|127\.0\.0\.1:(?!1\b|9000)\d+")
    assert texts[0] != texts[1]
    assert own.sub("", texts[0]) == own.sub("", texts[1])
    assert '"public_url": "http://127.0.0.1:9000"' in texts[0]
    for name in ("secret", "state/jwt.secret", "daemon-1/drydockd.yaml"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_of_an_option_in_both_the_second_is_taken():
    found = merged({"a": {"x": 1, "y": 2}, "b": {"z": 3}}, {"a": {"y": 4}, "c": {}})
    assert found == {"a": {"x": 1, "y": 4}, "b": {"z": 3}, "c": {}}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--chaos",), "--chaos needs --daemons 2 or more"),
        (("--daemons", "3", "--machines", "qemu"), "--daemons is for machines of the room"),
        (("--daemons", "0"), "--daemons"),
    ],
)
def test_what_does_not_go_together_is_refused(options, said):
    done = CliRunner().invoke(command, options)
    assert done.exit_code == 2
    assert said in done.output


def processes_of(folder):
    """The numbers of the processes that have to do with `folder`."""
    found = set()
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdecimal() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.add(int(entry.name))
    return found


@pytest.fixture
def temporary():
    """One that the database's user can reach: pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="lab-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.mark.peer("postgres")
@pytest.mark.process
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_daemons_deploy_through_the_balancer_and_nothing_is_left_of_them(number, temporary):
    command = [sys.executable, "-m", "drydockd.cli", "lab", "--daemons", "3", "--port", "0"]
    command += ["--site", design_path("workshop"), "--plain"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(temporary)}
    ) as running:
        try:
            said = ""
            for line in running.stdout:
                said += line
                if "Ctrl-C" in line:
                    break
            assert "Ctrl-C" in said, said
            [folder] = temporary.glob("drydock-lab-*")
            started = {pid: os.pidfd_open(pid) for pid in processes_of(folder)}
            assert len(started) >= 5  # three daemons, the room, the database
            running.send_signal(number)
            ended(started)
            # The keeper has the lab's output too: its end is the end of all.
            said += running.stdout.read()
        finally:
            running.kill()
    assert running.returncode == (0 if number is signal.SIGINT else -number)
    assert list(temporary.iterdir()) == []
    assert "3 daemons behind http://127.0.0.1:" in said
    assert "deploy_nodes: success (1 node" in said
    rows = [line for line in said.splitlines() if "│ daemon-" in line]
    if number is signal.SIGINT:
        assert [row.split()[1] for row in rows] == ["daemon-1", "daemon-2", "daemon-3"]
        assert sum("yes" in row for row in rows) == 1


def ended(handles):
    """Wait until all processes have ended."""
    left, until = dict(handles), time.monotonic() + 90
    while left:
        ready, _, _ = select.select(list(left.values()), (), (), until - time.monotonic())
        assert ready, f"still there: {sorted(left)}"
        left = {pid: handle for pid, handle in left.items() if handle not in ready}
    for handle in handles.values():
        os.close(handle)

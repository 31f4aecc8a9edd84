"""Real daemons, each with a store of its own, looked after as a service manager would."""

import asyncio
import signal

import pytest

from bench.daemon import configuration
from drydockd.cli import lab_daemons
from drydockd.cli.lab_daemons import Daemon, Daemons, DaemonTrouble, running, write_configuration
from drydockd.room.postgres import free_port

pytestmark = pytest.mark.process


def made(folder, name, **sections):
    daemon = Daemon(name, folder / name, free_port())
    write_configuration(daemon, configuration(daemon.folder, daemon.port, sections))
    return daemon


async def test_one_that_is_killed_is_started_again(tmp_path, monkeypatch):
    monkeypatch.setattr(lab_daemons, "RESTART_SECONDS", 0)
    said, back = [], asyncio.Event()

    def say(text):
        said.append(text)
        if text.endswith("is back"):
            back.set()

    daemons = Daemons([made(tmp_path, "one"), made(tmp_path, "other")], say=say)
    async with running(daemons):
        first = daemons["one"].process.pid
        daemons["one"].send(signal.SIGKILL)
        async with asyncio.timeout(180):
            await back.wait()
            await daemons.all_ready()
        assert daemons["one"].process.pid != first
        assert (daemons["one"].starts, daemons["other"].starts) == (2, 1)
        processes = [daemon.process for daemon in daemons.all]
    assert said == ["one ended by SIGKILL", "one is back"]
    # An orderly end, which nobody takes for a reason to start again.
    assert [process.returncode for process in processes] == [0, 0]


async def test_one_that_does_not_start_says_why_and_leaves_none_behind(tmp_path):
    daemons = Daemons([made(tmp_path, "one"), made(tmp_path, "other", api={"listen": "nowhere"})])
    with pytest.raises(DaemonTrouble, match=r"(?s)other ended with 2: .*nowhere"):
        async with running(daemons):
            pass
    assert daemons["one"].process.returncode == 0


def test_a_configuration_is_its_owners_only(tmp_path):
    daemon = made(tmp_path, "one")
    assert (daemon.folder / "drydockd.yaml").stat().st_mode & 0o077 == 0
    assert daemon.folder.stat().st_mode & 0o077 == 0

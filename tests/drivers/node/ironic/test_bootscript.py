"""The script runs: against a server with boot data, with what systemctl would have been told."""

import asyncio
import os
import shutil
import subprocess

import pytest

from drydockd.drivers.node.ironic import bootscript
from tests.drivers.node.ironic.proxy import proxy
from tests.drivers.node.ironic.sites import KEY
from tests.room.helpers import tar_gz

pytestmark = pytest.mark.slow
TOOLS = [tool for tool in ("curl", "wget") if shutil.which(tool)]


@pytest.fixture
def machine(tmp_path):
    """A root of its own for the script: its paths moved there, and a systemctl that takes notes."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "systemctl").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/told\n')
    (tools / "sleep").write_text("#!/bin/sh\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    seed = tmp_path / "boot"
    text = bootscript.SCRIPT.replace(bootscript.SEED, str(seed))
    text = text.replace("/run/drydock-boot", f"{tmp_path}/run")
    # Only root may give files away.
    text = text.replace("--owner=root ", "")
    script = tmp_path / "script"
    script.write_text(text)

    async def run(url, without=()):
        for tool in without:
            text_without = script.read_text().replace(f"command -v {tool}", "false")
            script.write_text(text_without)
        seed.write_text(f"{url}/api n1 {KEY}\n")
        environ = {"PATH": f"{tools}:{os.environ['PATH']}", "LANG": "C.UTF-8"}
        done = await asyncio.to_thread(
            subprocess.run, ["sh", str(script)], env=environ, capture_output=True, text=True
        )
        told = (tmp_path / "told").read_text().splitlines() if (tmp_path / "told").exists() else []
        return done, told, seed.exists()

    return run


def data(tmp_path):
    """Rule: the boot data of n1, for who has its key; away for the first question."""
    contents = {
        "files": tar_gz((f"{tmp_path}/made/run.sh", b"#!/bin/sh\n")),
        "units": tar_gz((f"{tmp_path}/made/prep.service", b"[Unit]\n")),
    }
    asked = []

    def rule(request):
        asked.append(request.path)
        if len(asked) == 1:
            return 503, {}, b"later"
        if request.headers.get("X-Bootaction-Key") != KEY:
            return 403, {}, b"no"
        return 200, {}, contents[request.path.rpartition("/")[2]]

    return rule, asked


@pytest.mark.parametrize("tool", TOOLS)
async def test_files_and_units_are_fetched_unpacked_and_started_once(machine, tmp_path, tool):
    rule, asked = data(tmp_path)
    async with proxy("", rule) as line:
        done, told, is_left = await machine(line.url, ["curl"] if tool == "wget" else [])
    assert done.returncode == 0, done.stderr
    kinds = [path.removeprefix("/api/bootactions/nodes/n1/") for path in asked]
    assert kinds == ["files", "files", "units"]
    assert (tmp_path / "made" / "run.sh").exists()
    assert told == [
        "daemon-reload",
        "enable --quiet prep.service",
        f"disable --quiet {bootscript.UNIT}",
        "start --no-block prep.service",
    ]
    assert not is_left
    assert KEY not in done.stdout + done.stderr


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_refused_key_ends_it_and_starts_nothing(machine, tmp_path, tool):
    async with proxy("", lambda request: (403, {}, b"no")) as line:
        done, told, is_left = await machine(line.url, ["curl"] if tool == "wget" else [])
    assert done.returncode == 1
    assert "drydockd refused the files of n1: 403" in done.stderr
    assert (told, is_left) == ([], True)


def test_the_unit_runs_once_while_there_is_a_seed():
    assert f"ConditionPathExists={bootscript.SEED}" in bootscript.UNIT_TEXT
    assert f"ExecStart={bootscript.PATH}" in bootscript.UNIT_TEXT

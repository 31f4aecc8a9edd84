"""Boot data through MAAS' install template: ours, and that of the original."""

import asyncio
import json
import os
import re
import shlex

import pytest
import yaml

from drydockd.drivers.node.maas.snippet import KEY_FILE, key_file, script, snippet
from tests.handlers.helpers import V1, daemon

NODE = "a01-control"


def rendered(hostname, tags, url="http://d/api/v1.0"):
    """The snippet as Tempita renders it, for the few of its words that it has."""
    keys = [tag.split("__baid__")[1] for tag in tags if tag.startswith(f"{hostname}__baid__")]
    text = re.sub(r"\{\{py:.*\}\}\n", "", snippet(url))
    loop = re.search(r"\{\{for key in drydock_keys\}\}\n(.*?)\{\{endfor\}\}\n", text, re.DOTALL)
    text = text.replace(loop[0], "".join(loop[1].replace("{{key}}", key) for key in keys))
    branch = re.search(r"\{\{if drydock_keys\}\}\n(.*?)\{\{endif\}\}\n", text, re.DOTALL)
    text = text.replace(branch[0], f"late_commands:\n{branch[1]}" if keys else "")
    return yaml.safe_load(text.replace("{{node.hostname}}", hostname)) or {}


def test_a_machine_with_a_key_gets_a_file_and_a_command():
    config = rendered("n1", ["n1__baid__abcd", "rack1", "n10__baid__ef"])
    file = config["write_files"]["drydock_key"]
    assert file == {"path": KEY_FILE, "permissions": "0600", "content": key_file("abcd")}
    command = config["late_commands"]["zz_drydock"]
    assert command[:5] == ["curtin", "in-target", "--", "sh", "-c"]
    assert command[5] == script("http://d/api/v1.0", "n1")


def test_a_machine_without_a_key_gets_nothing():
    assert rendered("n1", ["rack1", "n10__baid__ef"]) == {}


def test_the_key_stands_in_no_command():
    config = rendered("n1", ["n1__baid__abcd"])
    assert "abcd" not in json.dumps(config["late_commands"])


@pytest.fixture
async def deployed(tmp_path):
    async with daemon(tmp_path) as drydock:
        yield drydock, await drydock.deployed(NODE)


@pytest.fixture
def system(tmp_path):
    """The root of an installed system, and a systemctl that writes down what it enables."""
    root, programs = tmp_path / "root", tmp_path / "bin"
    (root / "root").mkdir(parents=True)
    programs.mkdir()
    tool = programs / "systemctl"
    tool.write_text(f'#!/bin/sh\necho "$2" >> {tmp_path}/enabled\nexit 1\n')
    tool.chmod(0o755)
    return root


async def ran(words, root):
    environ = {
        **os.environ,
        "PATH": f"{root.parent / 'bin'}:{os.environ['PATH']}",
        "DRYDOCK_ROOT": str(root),
    }
    process = await asyncio.create_subprocess_exec(*words, env=environ, cwd=root)
    return await process.wait()


def check_installed(root):
    files = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
    units = {path.rpartition("/")[2] for path in files if path.startswith("etc/systemd/system/")}
    assert units
    enabled = set((root.parent / "enabled").read_text().split())
    assert units <= enabled
    return files


@pytest.mark.process
@pytest.mark.peer("wget")
async def test_our_script_installs_boot_data_and_removes_the_key(deployed, system):
    drydock, node = deployed
    key = system / KEY_FILE.lstrip("/")
    key.write_text(key_file(node.key))
    text = script(drydock.app.url + V1, NODE)
    assert await ran(["sh", "-c", text], system) == 0
    check_installed(system)
    assert not key.exists()


@pytest.mark.process
@pytest.mark.peer("wget")
async def test_our_script_fails_the_installation_where_the_key_is_wrong(deployed, system):
    drydock, _ = deployed
    key = system / KEY_FILE.lstrip("/")
    key.write_text(key_file("00" * 32))
    text = script(drydock.app.url + V1, NODE)
    assert await ran(["sh", "-c", text], system) != 0
    assert not key.exists()


@pytest.mark.process
@pytest.mark.peer("wget")
async def test_the_steps_of_the_originals_template_work_unchanged(deployed, system):
    """Fetch both archives with the key, no proxy and no certificate check; unpack, owner root;
    enable the basename of every unit, errors ignored. Contract, maas, section 11."""
    drydock, node = deployed
    public = drydock.app.url + V1
    for kind in ("units", "files"):
        archive = system.parent / f"bootaction-{kind}.tar.gz"
        header = f"X-Bootaction-Key: {node.key}"
        url = f"{public}/bootactions/nodes/{NODE}/{kind}"
        fetch = ["wget", "-q", "--no-proxy", "--no-check-certificate", "--header", header]
        assert await ran([*fetch, url, "-O", str(archive)], system) == 0
        quoted = shlex.quote(str(archive))
        # Below a root of the test's own; there it is `-P`, into the system itself.
        unpack = f"tar --owner=root -xzvf {quoted} > {system.parent}/{kind}"
        assert await ran(["sh", "-c", unpack], system) == 0
    enable = (
        f"for u in $(cat {system.parent}/units); do systemctl enable $(basename $u); done || true"
    )
    assert await ran(["sh", "-c", enable], system) == 0
    check_installed(system)

"""drydock design diff with what nodes are made of: from a folder, from a daemon."""

import asyncio
import socket

import pytest

from tests.api.examples import BUILD_DATA
from tests.cases import CASES
from tests.cli.designs import drydock
from tests.cli.test_design_diff import LSHW_TWO
from tests.client.helpers import serving
from tests.handlers.helpers import REF, SITE, daemon

V1 = "/api/v1.0"


@pytest.fixture
def files(tmp_path):
    for name in ("base", "chg-pci"):
        (tmp_path / f"{name}.yaml").write_bytes(CASES[name])
    return tmp_path / "base.yaml", tmp_path / "chg-pci.yaml"


@pytest.fixture
def server():
    with serving() as found:
        yield found


def test_a_folder_has_a_file_for_each_node(files, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "lshw").mkdir()
    (tmp_path / "lshw" / "node1.xml").write_text(LSHW_TWO)

    found = drydock("design", "diff", *files, "--inventory", tmp_path / "lshw", "--exit-code")
    nothing = drydock("design", "diff", *files, "--inventory", tmp_path / "empty")

    assert (found.exit_code, "which is eno1" in found.stdout) == (1, True)
    assert (nothing.exit_code, "no file is called after a node" in nothing.stderr) == (2, True)


def test_the_daemon_at_the_url_is_asked_for_the_newest_inventory(files, server):
    answer = [BUILD_DATA | {"generator": "lldp"}, BUILD_DATA | {"data_element": LSHW_TWO}]
    server.answers[f"GET {V1}/nodes/node1/builddata"] = (200, answer)

    result = drydock("--url", server.url, "--os-token", "t", "design", "diff", *files)

    assert "pci 0000:00:03.0, which is eno1 52:54:00:00:00:01" in result.stdout
    assert (result.exit_code, result.stderr) == (0, "")
    assert server.asked[0].query == {"latest": "True", "generator": "lshw"}


def test_a_node_without_an_inventory_is_named_and_compared_by_its_selectors(files, server):
    result = drydock("--url", server.url, "design", "diff", *files)

    assert result.exit_code == 0
    assert f"{server.url} has no inventory of 1 nodes: node1" in result.stderr
    assert "~ bond0 nic1: pci 0000:00:03.0 -> pci 0000:81:00.0" in result.stdout


def test_files_go_before_the_daemon(files, server, tmp_path):
    (tmp_path / "node1.xml").write_text(LSHW_TWO)

    result = drydock("--url", server.url, "design", "diff", *files, "--inventory", tmp_path)

    assert "which is eno1" in result.stdout
    assert server.asked == []


def test_a_daemon_that_cannot_be_asked_is_an_error_with_what_to_do(files):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    result = drydock("--url", f"http://127.0.0.1:{port}", "design", "diff", *files)

    assert result.exit_code == 2
    assert "the inventories cannot be had" in result.stderr
    assert "--inventory" in result.stderr


async def test_against_a_real_daemon_the_devices_are_those_of_its_machines(tmp_path):
    changed = tmp_path / "changed.yaml"
    text = SITE.read_text(encoding="utf-8").replace("'0000:41:00.0'", "'0000:42:00.0'")
    changed.write_text(text, encoding="utf-8")
    async with daemon(tmp_path) as running:
        assert (await running.task(action="prepare_nodes"))["result"]["status"] == "success"
        options = ["--url", running.app.url, "--os-token", running.token("admin")]
        result = await asyncio.to_thread(drydock, *options, "design", "diff", REF, changed)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    changes = [line for line in result.stdout.splitlines() if "0000:41:00.0, which is" in line]
    assert changes
    assert all("-> pci 0000:42:00.0, which is" in line for line in changes)

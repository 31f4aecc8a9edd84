"""The lab, as a new user starts it: the real command, whole designs, the public API only."""

import json
import os
import signal
import subprocess
import sys
import urllib.request

import pytest

from drydockd.cli.lab import example_site
from tests.designs import design_path, on_designs
from tests.sites.folder import on_site_files

pytestmark = pytest.mark.process

DEPLOYABLE = [
    *on_designs("foundry", "two-regions", "workshop"),
    *on_site_files(
        *("airsloop", "atl-lab1", "gate-multinode", "intel-pod15", "seaworthy", "seaworthy-virt")
    ),
]


def lab(*args, **options):
    return subprocess.run(
        [sys.executable, "-m", "drydockd.cli", "lab", *args],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "COLUMNS": "200"},
        **options,
    )


@pytest.mark.parametrize("path", DEPLOYABLE)
def test_a_design_deploys_through_the_public_api(path, tmp_path):
    room = tmp_path / "room.yaml"
    room.write_text("scale: 0.1\n")
    done = lab("--once", "--port", "0", "--room", room, "--site", path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deploy_nodes: success" in done.stdout
    assert done.stderr == ""


def test_the_example_site_deploys_and_its_boot_actions_report(tmp_path):
    done = lab("--once", "--port", "0", "--state-dir", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "deploy_nodes: success (24 nodes" in done.stdout
    # 24 first boots, 3 control nodes join, 4 storage nodes of the northern row prepare disks.
    assert done.stdout.count("first-boot success") == 24
    assert done.stdout.count("join-control success") == 3
    assert done.stdout.count("prepare-disks success") == 4


def test_a_node_that_fails_makes_the_lab_fail_and_says_why(tmp_path):
    room = tmp_path / "room.yaml"
    room.write_text("faults: [{fault: deploy_fails, machines: [f02]}]\n")
    site = design_path("foundry")
    done = lab("--once", "--port", "0", "--room", str(room), "--site", site)
    assert done.returncode == 1
    assert "deploy_nodes: partial_success (3 nodes, 1 failed" in done.stdout
    assert "f02: " in done.stdout


def test_a_site_that_does_not_load_is_explained():
    done = lab("--once", "--port", "0", "--site", design_path("missing-profile"))
    assert done.returncode == 1
    assert "validate_design: failure" in done.stdout
    assert "HostProfile" in done.stdout


def test_the_lab_keeps_serving_and_its_token_opens_the_api(tmp_path):
    command = [sys.executable, "-m", "drydockd.cli", "lab", "--port", "0", "--state-dir", tmp_path]
    command += ["--site", design_path("workshop")]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        for line in running.stdout:
            if line.startswith("drydockd serves "):
                url = line.split()[2].rstrip(";")
            if "Ctrl-C" in line:
                break
        token = (tmp_path / "token").read_text()
        request = urllib.request.Request(f"{url}/api/v1.0/nodes", headers={"X-Auth-Token": token})
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert [row["status_name"] for row in json.load(answer)] == ["Deployed"]
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=60) == 0
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


def test_what_the_lab_leaves_behind_is_its_owners_only(tmp_path):
    lab("--once", "--port", "0", "--state-dir", str(tmp_path), "--site", design_path("workshop"))
    for name in ("token", "drydockd.log"):
        assert os.stat(tmp_path / name).st_mode & 0o077 == 0


def test_the_example_site_is_found_in_the_checkout():
    assert example_site().name == "site.yaml"

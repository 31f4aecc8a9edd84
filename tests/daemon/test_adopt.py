"""`drydock design adopt` against a daemon that runs, as an operator types it."""

import subprocess
import sys

import httpx
import pytest
import yaml

from drydockd.design.compile import compile_site
from drydockd.design.validate import validate
from tests.daemon.helpers import REPOSITORY, SITE, started

pytestmark = [pytest.mark.process, pytest.mark.slow]

INSTANT = dict.fromkeys(
    ("bmc", "power", "discovery", "commission", "deploy", "wipe", "first_boot", "report"), 0
)


def test_what_the_daemon_learnt_of_its_machines_becomes_a_valid_design(tmp_path):
    (tmp_path / "room.yaml").write_text(yaml.safe_dump({"latencies": INSTANT}))
    (tmp_path / "images.yaml").write_text("{jammy: [ga-22.04]}")
    with started(tmp_path, fake_driver={"config": str(tmp_path / "room.yaml")}) as drydockd:
        url, headers = drydockd.ready(), drydockd.admin()
        body = {"action": "prepare_nodes", "design_ref": SITE.as_uri()}
        made = httpx.post(f"{url}/api/v1.0/tasks", headers=headers, json=body, timeout=20).json()
        path = f"{url}/api/v1.0/tasks/{made['task_id']}?wait=20"
        task = made
        while task["status"] not in ("complete", "terminated"):
            task = httpx.get(path, headers=headers, timeout=60).json()
        assert task["result"]["status"] == "success", task
        text = adopted(url, headers["X-Auth-Token"], "--catalogue", str(tmp_path / "images.yaml"))
        again = adopted(url, headers["X-Auth-Token"], "--onto", str(SITE))

    site, findings = compile_site(text.encode())
    assert not [f.message for f in (*findings, *validate(site)) if f.error]
    before, _ = compile_site(SITE.read_bytes())
    assert set(site.nodes) == set(before.nodes)
    for name, node in site.nodes.items():
        assert (node.image, node.kernel) == ("jammy", "ga-22.04")
        assert node.oob_address == before.nodes[name].oob_address
    assert again == ""


def adopted(url, token, *options):
    command = [sys.executable, "-m", "drydockd.cli", "--url", f"{url}/api/v1.0", "--os-token",
               token, "design", "adopt", *options]  # fmt: skip
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout

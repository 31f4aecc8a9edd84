"""A whole run at DEBUG, with every kind of secret used, and its log searched for each."""

import re
import signal
import socket

import httpx
import pytest

from tests.daemon.helpers import SITE, started

pytestmark = pytest.mark.process

V1 = "/api/v1.0"
PASSWORDS = ("hunter2-keystone", "hunter3-reference", "hunter4:maas:key")
SOME = {
    "filter_set_type": "union",
    "filter_set": [{"filter_type": "union", "node_names": ["a01-control"]}],
}
QUICK = dict.fromkeys(
    ("bmc", "power", "discovery", "commission", "deploy", "wipe", "first_boot", "report"), 0
)


def test_no_key_token_or_password_reaches_the_log(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    sections = {
        "api": {"listen": f"127.0.0.1:{port}", "public_url": url},
        "keystone_authtoken": {
            "password": PASSWORDS[0],
            "username": "drydock",
            "auth_url": "http://127.0.0.1:9",
            "user_domain_name": "default",
            "project_name": "service",
            "project_domain_name": "default",
        },
        "maasdriver": {"maas_api_key": PASSWORDS[2]},
        "fake_driver": {"config": {"latencies": QUICK}, "folder": str(tmp_path / "room")},
    }
    with started(tmp_path, "--debug", **sections) as drydockd:
        drydockd.ready()
        admin = drydockd.admin()
        token = admin["X-Auth-Token"]

        def post(path, body, **headers):
            return httpx.post(f"{url}{V1}/{path}", headers=admin | headers, json=body, timeout=20)

        # Given references with passwords, wrong tokens and keys, and a whole deployment
        post("nodefilter", {"design_ref": f"http://joe:{PASSWORDS[1]}@127.0.0.1:9/x"})
        post("validatedesign", {"href": f"http://joe:{PASSWORDS[1]}@127.0.0.1:9/x"})
        httpx.get(f"{url}{V1}/tasks?token={token}", headers={"X-Auth-Token": token[:-4] + "AAAA"})
        wrong = "ab" * 32
        for action in ("prepare_nodes", "deploy_nodes"):
            body = {"action": action, "design_ref": SITE.as_uri(), "node_filter": SOME}
            made = post("tasks", body).json()
            shown = made
            while shown["status"] not in ("complete", "terminated"):
                shown = drydockd.get(f"{url}{V1}/tasks/{made['task_id']}?wait=10").json()
            assert shown["result"]["status"] == "success", shown["result"]
        httpx.get(f"{url}{V1}/bootdata/a01-control/units", headers={"X-Bootaction-Key": wrong})

        # When the keys the machine was given are collected from what it unpacked
        keys = keys_below(tmp_path / "room")
        drydockd.signal(signal.SIGTERM)
        assert drydockd.ended() == 0

    # Then none of all these is in the log, which is there.
    log = drydockd.log
    assert " DEBUG " in log
    assert "deploy_nodes" in log
    assert keys
    secrets = {*keys, token, token.rpartition(".")[2], wrong, *PASSWORDS, "hunter4"}
    secrets.add((tmp_path / "state" / "secret").read_text().strip())
    secrets.add((tmp_path / "state" / "jwt.secret").read_text().strip())
    assert [secret for secret in secrets if secret in log] == []


def keys_below(folder):

    found = set()
    for path in folder.rglob("*"):
        if path.is_file():
            found |= set(re.findall(r"\b[0-9a-f]{64}\b", path.read_text(errors="replace")))
    return found

"""relabel_nodes through the API of a real daemon, at an API server that fails in every way."""

import asyncio
import json

import pytest

from bench.daemon import free_port, running
from drydockd.drivers.kubernetes.ownership import ANNOTATION
from tests.peers import promenade
from tests.peers.certificates import Authority
from tests.peers.keystone import USERS
from tests.peers.kubernetes import TOKEN, ApiServer, serving
from tests.tasks.helpers import names, site_text

pytestmark = [pytest.mark.process, pytest.mark.slow]


class Site:
    """A design of nodes with the label role, and a daemon with a driver for them."""

    def __init__(self, folder, count, driver="direct", **sections):
        self.folder, self.port = folder, free_port()
        self.driver, self.sections = driver, sections
        self.file = folder / "site.yaml"
        self.file.write_text(site_text(count))

    def daemon(self):
        return running(
            self.folder,
            port=self.port,
            plugins={"kubernetes_driver": self.driver},
            **self.sections,
        )

    @property
    def body(self):
        return {"action": "relabel_nodes", "design_ref": self.file.as_uri(), "all_nodes": True}

    async def create(self, daemon):
        async with daemon.client() as client:
            made = await client.post("/tasks", json=self.body)
            return made.raise_for_status().json()["task_id"]

    async def kill(self, daemon):
        daemon.process.kill()
        await asyncio.to_thread(daemon.process.wait)

    def log(self):
        return (self.folder / "daemon.log").read_text()


def options(api, **more):
    return {"url": api.url} | {name: str(value) for name, value in more.items()}


async def ended(daemon, task_id):
    async with daemon.client() as client:
        while True:
            answer = await client.get(f"/tasks/{task_id}", params={"wait": 30})
            if (task := answer.raise_for_status().json())["status"] == "complete":
                return task


def errors(task, node):
    said = task["result"]["details"]["messageList"]
    return " ".join(m["message"] for m in said if m["error"] and m["context"] == node)


async def until(is_true):
    while not is_true():
        await asyncio.sleep(0.01)


async def test_each_fault_fails_its_node_with_its_reason_or_is_got_over(tmp_path):
    async with serving(*names(9)) as api:
        site = Site(tmp_path, 10, kubernetes_driver=options(api, token=TOKEN))
        path = "/api/v1/nodes/"
        got_over = {
            "n1": api.rule("GET", f"{path}n1", times=5, after=lambda: api.moved("n1")),
            "n2": api.rule("PATCH", f"{path}n2", status=429, headers={"Retry-After": "1"}, times=2),
            "n3": api.rule("GET", f"{path}n3", status=503, times=2),
            "n4": api.rule("PATCH", f"{path}n4", cut=True, times=1),
            "n5": api.rule("PATCH", f"{path}n5", lost=True, times=1),
        }
        api.rule("GET", f"{path}n6", after=lambda: api.moved("n6"))
        api.rule("PATCH", f"{path}n7", status=403, said="admission says no")
        api.rule("GET", f"{path}n8", status=500, said=f"etcd is gone, {TOKEN}")
        async with site.daemon() as daemon:
            task = await daemon.finished(site.body)

    result = task["result"]
    assert sorted(result["successes"]) == ["n1", "n2", "n3", "n4", "n5", "n9"]
    assert sorted(result["failures"]) == ["n10", "n6", "n7", "n8"]
    assert all(rule.hits == rule.times for rule in got_over.values())
    for name in (*got_over, "n9"):
        assert api.labels(name)["role"] == "worker"
        assert json.loads(api.annotations(name)[ANNOTATION]) == ["role"]
    for node, said in {
        "n6": f"PATCH {api.url}/api/v1/nodes/n6 (to label it role=worker): HTTP 409",
        "n7": "HTTP 403 Forbidden: admission says no; bind the ClusterRole",
        "n8": "HTTP 500 Internal Server Error: etcd is gone, ***",
        "n10": "the cluster has no node n10 (HTTP 404)",
    }.items():
        assert said in errors(task, node), errors(task, node)
    assert TOKEN not in json.dumps(task) + site.log()


async def test_a_token_that_ended_and_a_certificate_that_is_wrong_are_told_and_then_put_right(
    tmp_path,
):
    authority = Authority(tmp_path)
    good, _ = authority.context("good")
    wrong, _ = authority.context("wrong", is_self_signed=True)
    token = tmp_path / "token"
    token.write_text(TOKEN)
    api = ApiServer("n1", tls=good)
    await api.start()
    site = Site(
        tmp_path, 1, kubernetes_driver=options(api, token_file=token, ca_file=authority.file)
    )
    try:
        async with site.daemon() as daemon:
            api.tokens = {"the-next-token"}
            expired = await daemon.finished(site.body)
            token.write_text("the-next-token")
            renewed = await daemon.finished(site.body)
            await api.stop()
            api._tls = wrong
            await api.start(api.port)
            strange = await daemon.finished(site.body)
    finally:
        await api.stop()

    assert "HTTP 401 Unauthorized" in errors(expired, "n1")
    assert f"renew the token in {token}" in errors(expired, "n1")
    assert renewed["result"]["status"] == "success"
    assert "certificate is refused" in errors(strange, "n1")
    assert "kubernetes_driver.ca_file" in errors(strange, "n1")
    everything = json.dumps([expired, renewed, strange]) + site.log()
    assert TOKEN not in everything
    assert "the-next-token" not in everything


async def test_a_daemon_killed_between_its_calls_labels_every_node_once(tmp_path):
    """What the dead ones had sent and the server had not done yet comes late, and does nothing."""
    nodes = names(12)
    async with serving(*nodes) as api:
        site = Site(tmp_path, len(nodes), kubernetes_driver=options(api, token=TOKEN))
        late = asyncio.Event()
        read = api.rule("GET", "/api/v1/nodes/n1", hold=late, times=1)
        async with site.daemon() as daemon:
            task_id = await site.create(daemon)
            await until(lambda: read.hits)
            await site.kill(daemon)
        written = [
            api.rule("PATCH", f"/api/v1/nodes/{name}", hold=late, times=1) for name in nodes[:4]
        ]
        async with site.daemon() as daemon:
            await until(lambda: any(rule.hits for rule in written))
            await site.kill(daemon)
        async with site.daemon() as daemon:
            task = await ended(daemon, task_id)
        seen = len(api.asked)
        late.set()
        await until(lambda: api.closed >= seen)

    assert task["result"]["status"] == "success", task["result"]
    assert sorted(task["result"]["successes"]) == sorted(nodes)
    assert all(api.labels(name)["role"] == "worker" for name in nodes)
    assert len(api.patches) == len(nodes)


async def test_promenade_is_found_with_the_daemons_own_account(tmp_path, keystone):
    password, project, _ = USERS["drydock"]
    account = {
        "auth_url": keystone.url,
        "username": "drydock",
        "password": password,
        "project_name": project,
        "default_domain_id": "default",
    }
    site = Site(tmp_path, 2, "promenade", keystone_authtoken=account)
    async with promenade.serving(keystone, "n1") as server:
        with promenade.registered(keystone, server.url):
            async with site.daemon() as daemon:
                task = await daemon.finished(site.body)

    assert task["result"]["successes"] == ["n1"]
    assert server.labels["n1"]["role"] == "worker"
    assert f"PUT {server.url}/node-labels/n2 (to label it role=worker): HTTP 404" in errors(
        task, "n2"
    )
    assert password not in json.dumps(task) + site.log()

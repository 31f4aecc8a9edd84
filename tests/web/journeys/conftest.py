"""A daemon of its own with a real Keystone, and people who look at it in a real browser."""

import contextlib
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from tests.daemon.helpers import started
from tests.peers.keystone import PROJECT, USERS, free_port
from tests.tasks.helpers import names, site_text

V1 = "/api/v1.0"
# How long anything may take that is waited for, on a machine with more to do than this.
PATIENCE = 240
# Of the nodes 40 are deployed while one looks on, 12 while the daemon is killed, and one fails.
WATCHED, KILLED = names(40), names(52)[40:]
FAILS = "n7"
SLOW = {"fault": "slow", "machines": KILLED, "factor": 6}
ROOM = {
    "latencies": {"discovery": 0.1, "commission": 0.1, "deploy": [0.5, 2], "wipe": 0.1},
    "faults": [{"fault": "deploy_fails", "machines": [FAILS]}, SLOW],
}


class Designs(ThreadingHTTPServer):
    """Gives the design by HTTP, each path only when it was released: a task of it waits so long."""

    daemon_threads = True

    def __init__(self, text):
        self.text, self.released = text.encode(), {}
        super().__init__(("127.0.0.1", 0), _Design)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def held(self):
        """Return a reference, and what releases it."""
        path = f"/{len(self.released)}.yaml"
        self.released[path] = threading.Event()
        return f"http://127.0.0.1:{self.server_port}{path}", self.released[path].set

    def stop(self):
        for event in self.released.values():
            event.set()
        self.shutdown()
        self.server_close()


class _Design(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.released[self.path].wait(PATIENCE)
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.server.text)))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(self.server.text)

    def log_message(self, *arguments):
        """Nothing to say."""


class World:
    """The daemon's process; `kill` and `start` as often as wanted, at the same address."""

    def __init__(self, folder, keystone):
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        site = folder / "site.yaml"
        site.write_text(site_text(52, bootactions=False))
        self.ref = site.as_uri()
        self.designs = Designs(site.read_text())
        # Readers may look at tasks and machines, which only administrators may by default.
        policy = folder / "policy.yaml"
        rules = ("read_task", "read_data", "health_data")
        policy.write_text(
            "".join(f'"physical_provisioner:{r}": "role:admin or role:reader"\n' for r in rules)
        )
        listen = f"127.0.0.1:{self.port}"
        self._sections = {
            "api": {"listen": listen, "public_url": self.url, "shutdown_grace": 2},
            "auth": {"strategy": ["jwt", "keystone"]},
            "oslo_policy": {"policy_file": str(policy)},
            "keystone_authtoken": {
                "auth_url": keystone.url,
                "username": "drydock",
                "password": USERS["drydock"][0],
                "project_name": "service",
                "default_domain_id": "default",
            },
            "network": {
                "allowed_roots": [str(folder)],
                "allowed_hosts": [f"127.0.0.1:{self.designs.server_port}"],
            },
            "fake_driver": {"config": ROOM},
        }
        self._running = contextlib.ExitStack()
        self.http = httpx.Client(base_url=self.url, timeout=PATIENCE)

    def start(self):
        self.process = self._running.enter_context(started(self.folder, **self._sections))
        self.process.manager.settimeout(PATIENCE)
        self.process.ready()
        self.http.headers.update(self.process.admin())

    def kill(self):
        self.process.signal(signal.SIGKILL)
        self.process.ended()
        self._running.close()

    def stop(self):
        self.designs.stop()
        self._running.close()
        self.http.close()

    def hold(self, action, nodes):
        """Create a task that waits for its design; return its id and what lets it go on."""
        ref, release = self.designs.held()
        return self.create(action, nodes, ref), release

    def create(self, action, nodes=None, ref=None):
        body = {"action": action, "design_ref": ref or self.ref}
        if nodes is not None:
            term = {"filter_type": "union", "node_names": list(nodes)}
            body["node_filter"] = {"filter_set_type": "intersection", "filter_set": [term]}
        made = self.http.post(f"{V1}/tasks", json=body)
        assert made.status_code == 201, made.text
        return made.json()["task_id"]

    def ended(self, task_id, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            task = self.http.get(f"{V1}/tasks/{task_id}", params={"wait": 20}).json()
            if task["status"] in ("complete", "terminated"):
                return task
        raise AssertionError(f"{task_id} did not end: {task}\n{self.process.log[-3000:]}")

    def tasks(self):
        return self.http.get(f"{V1}/tasks", params={"top_level": "true"}).json()

    def said(self, task_id):
        """Everything that was said in the tree of a task."""
        tree = self.http.get(f"{V1}/tasks/{task_id}", params={"layers": -1}).json()
        tree.pop("init_task_id")
        return [m["message"] for t in tree.values() for m in t["result"]["details"]["messageList"]]


@pytest.fixture(scope="session")
def world(tmp_path_factory, keystone):
    made = World(tmp_path_factory.mktemp("journeys"), keystone)
    try:
        made.start()
        made.ended(made.create("prepare_site"))
        prepared = made.ended(made.create("prepare_nodes"))
        assert prepared["result"]["status"] == "success", prepared["result"]["message"]
        yield made
    finally:
        made.stop()


class Person:
    """Somebody with a page; `tab` is it and what it did besides."""

    def __init__(self, world, tab):
        self.world, self.tab, self.page = world, tab, tab.page

    def go(self, path=""):
        return self.page.goto(f"{self.world.url}/ui{path}")

    def log_in(self, user, password=None):
        """By name and password, as typed."""
        if "/login" not in self.page.url:
            self.go("/login")
        self.page.locator("[name=user]").fill(user)
        self.page.locator("[name=password]").fill(password or USERS[user][0])
        self.page.locator("[name=project]").fill(PROJECT)
        self.page.locator("[name=password]").press("Enter")

    def beside(self):
        """The same person at another page of the same window."""
        return Person(self.world, self.tab.another())

    def word(self, text):
        """Wait until the page says so of itself: live, reconnecting, ended, removed, logged out."""
        self.page.locator(f'#live-state[data-word="{text}"]').wait_for(timeout=1000 * PATIENCE)

    def lines(self):
        return self.page.locator("#log-lines > li")


@pytest.fixture
def ann(world, tab):
    """An administrator who is logged in."""
    person = Person(world, tab)
    person.log_in("ann-admin")
    person.page.get_by_role("link", name="Tasks").first.wait_for()
    return person


@pytest.fixture
def rita(world, tab):
    """Somebody who may only read."""
    person = Person(world, tab)
    person.log_in("rita-reader")
    person.page.get_by_role("link", name="Tasks").first.wait_for()
    return person

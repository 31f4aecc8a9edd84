"""Promenade as far as node labels go, behind a real Keystone: it asks that whose token it got.

Labels are replaced as a whole, but for keys with ``kubernetes.io``, as the real one does; its
URL has a path, as its chart registers it.
"""

import contextlib
import json

import httpx
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.peers.keystone import KeystoneServer

TYPE = "kubernetesprovisioner"
ROLES = {"admin"}


class Promenade:
    """`labels`: of each node; `asked`: method, path, status; `answers`: statuses to give first."""

    def __init__(self, keystone: KeystoneServer, *names: str) -> None:
        self.keystone = keystone
        self.labels = {name: {"kubernetes.io/hostname": name} for name in names}
        self.asked: list[tuple[str, str, int]] = []
        self.answers: list[int] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/kube/api/v1.0"

    def count(self, method: str, status: int) -> int:
        return sum((one, code) == (method, status) for one, _, code in self.asked)

    async def roles(self, token: str) -> set[str]:
        """What Keystone says of the token; empty: it is none."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
            answer = await http.get(
                f"{self.keystone.url}/auth/tokens",
                headers={"X-Auth-Token": token, "X-Subject-Token": token},
            )
        if answer.status_code != 200:
            return set()
        return {role["name"] for role in answer.json()["token"]["roles"]}


@contextlib.asynccontextmanager
async def serving(keystone: KeystoneServer, *names: str):
    promenade = Promenade(keystone, *names)
    routes = [
        (r"/kube/api/v1.0/node-labels/([^/]+)", _NodeLabels, {"promenade": promenade}),
        (r"/kube/api/v1.0/health", _Health, {"promenade": promenade}),
    ]
    server = HTTPServer(Application(routes, log_function=lambda _: None))
    sockets = bind_sockets(0, "127.0.0.1")
    promenade.port = sockets[0].getsockname()[1]
    server.add_sockets(sockets)
    try:
        yield promenade
    finally:
        server.stop()
        await server.close_all_connections()


@contextlib.contextmanager
def registered(keystone: KeystoneServer, url: str, interface: str = "internal"):
    """Promenade in the catalogue of a Keystone."""
    body = {"service": {"type": TYPE, "name": "promenade"}}
    service = keystone.request("POST", "/services", json=body).json()["service"]["id"]
    body = {"endpoint": {"service_id": service, "interface": interface, "url": url}}
    keystone.request("POST", "/endpoints", json=body)
    try:
        yield
    finally:
        keystone.request("DELETE", f"/services/{service}")


class _Handler(RequestHandler):
    def initialize(self, promenade: Promenade) -> None:
        self.promenade = promenade

    def on_finish(self) -> None:
        self.promenade.asked.append((self.request.method, self.request.path, self.get_status()))

    def fail(self, code: int, message: str) -> None:
        self.set_status(code)
        body = {"kind": "Status", "status": "Failure", "message": message, "code": code}
        self.finish(json.dumps(body))


class _Health(_Handler):
    def get(self) -> None:
        self.set_status(204)


class _NodeLabels(_Handler):
    async def put(self, name: str) -> None:
        roles = await self.promenade.roles(self.request.headers.get("X-Auth-Token", ""))
        if self.promenade.answers:
            self.fail(self.promenade.answers.pop(0), "Failed to update node labels")
        elif not roles:
            self.fail(401, "Unauthenticated")
        elif not roles & ROLES:
            self.fail(403, "Forbidden")
        elif name not in self.promenade.labels:
            self.fail(404, "The node is not found")
        else:
            wanted = json.loads(self.request.body)
            kept = {k: v for k, v in self.promenade.labels[name].items() if "kubernetes.io" in k}
            self.promenade.labels[name] = kept | wanted
            self.finish(json.dumps({"kind": "Status", "status": "Success", "code": 200}))

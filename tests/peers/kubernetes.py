"""An API server as far as nodes go, for want of a real one that installs anywhere.

`GET` and `PATCH` of nodes with labels checked, `resourceVersion` that moves, `Status` bodies,
bearer tokens, access reviews, and what kubectl and the Kubernetes project's own client ask before
they do anything; those two are what it is held against (tests/drivers/kubernetes).
Faults are injected with `rule`.
"""

import asyncio
import contextlib
import copy
import json
import re
import ssl
from dataclasses import dataclass, field

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

TOKEN = "kube-token-4417-secret"
REASONS = {
    400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "NotFound", 409: "Conflict",
    415: "UnsupportedMediaType", 422: "Invalid", 429: "TooManyRequests", 500: "InternalError",
    503: "ServiceUnavailable",
}  # fmt: skip
PATCHES = ("application/merge-patch+json", "application/strategic-merge-patch+json")
PART = r"[A-Za-z0-9](?:[-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?"
LABEL = re.compile(rf"(?:[a-z0-9](?:[-.a-z0-9]*[a-z0-9])?/)?{PART}")
VALUE = re.compile(rf"(?:{PART})?")


@dataclass
class Rule:
    """Answers `times` requests wrongly, after `skip` right ones; `hits` counts them.

    `status` with `said` and `headers`; `cut`: the connection ends without an answer; `hold`: the
    answer waits for the event; `lost`: it is done, and the connection ends before the answer;
    `after`: called once the request was answered as it should.
    """

    method: str
    path: str
    status: int = 0
    said: str = "injected"
    headers: dict = field(default_factory=dict)
    cut: bool = False
    lost: bool = False
    hold: asyncio.Event | None = None
    after: object = None
    body: bytes | None = None
    times: int = 10**9
    skip: int = 0
    hits: int = 0

    def strikes(self, request) -> bool:
        if request.method != self.method or not re.fullmatch(self.path, request.path):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.hits >= self.times:
            return False
        self.hits += 1
        return True


class ApiServer:
    """One API server in the loop of the test."""

    def __init__(self, *names: str, tls: ssl.SSLContext | None = None) -> None:
        self.nodes = {name: self._node(name) for name in names}
        self.tokens = {TOKEN}
        self.needs_token = True
        self.may = {"get", "patch"}
        self.rules: list[Rule] = []
        self.asked: list[tuple[str, str]] = []
        self.patches: list[dict] = []
        self.closed = 0  # requests that have come to their end, answered or not
        self._tls = tls
        self._version = 1000
        self._server = None
        self.port = 0

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def labels(self, name: str) -> dict[str, str]:
        return self.nodes[name]["metadata"]["labels"]

    def annotations(self, name: str) -> dict[str, str]:
        return self.nodes[name]["metadata"]["annotations"]

    def rule(self, method: str, path: str, **more) -> Rule:
        self.rules.append(Rule(method, path, **more))
        return self.rules[-1]

    def add(self, name: str) -> None:
        self.nodes[name] = self._node(name)

    def touch(self, name: str, **labels: str) -> None:
        """Somebody else changes the node."""
        self.labels(name).update(labels)
        self.moved(name)

    def moved(self, name: str) -> None:
        self._version += 1
        self.nodes[name]["metadata"]["resourceVersion"] = str(self._version)

    def count(self, method: str) -> int:
        return sum(one == method for one, _ in self.asked)

    def _node(self, name: str) -> dict:
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "uid": f"uid-of-{name}",
                "resourceVersion": "1000",
                "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"},
                "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
                "managedFields": [{"manager": "kubelet", "operation": "Update"}],
            },
            "spec": {},
            "status": {"images": [{"names": ["x"], "sizeBytes": 1}]},
        }

    async def start(self, port: int = 0) -> None:
        routes = [
            (r"/api/v1/nodes", _Nodes),
            (r"/api/v1/nodes/([^/]+)", _Node),
            (r"/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", _Review),
            (r"/(.*)", _Discovery),
        ]
        application = Application(routes, api=self, log_function=lambda _: None)
        self._server = HTTPServer(application, ssl_options=self._tls)
        sockets = bind_sockets(port, "127.0.0.1")
        self.port = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        self._server.stop()
        await self._server.close_all_connections()


@contextlib.asynccontextmanager
async def serving(*names: str, **more):
    api = ApiServer(*names, **more)
    await api.start()
    try:
        yield api
    finally:
        await api.stop()


class _Handler(RequestHandler):
    async def _execute(self, *arguments, **more) -> None:
        try:
            await super()._execute(*arguments, **more)
        finally:
            self.api.closed += 1

    async def prepare(self) -> None:
        api = self.api
        api.asked.append((self.request.method, self.request.path))
        self.rule = next((rule for rule in api.rules if rule.strikes(self.request)), None)
        if self.rule is None:
            self._identified()
            return
        if self.rule.hold is not None:
            await self.rule.hold.wait()
        if self.rule.cut:
            self._finished = True
            self.request.connection.stream.close()
        elif self.rule.body is not None:
            self.set_status(self.rule.status or 200)
            self.finish(self.rule.body)
        elif self.rule.status:
            for header, value in self.rule.headers.items():
                self.set_header(header, value)
            self.fail(self.rule.status, self.rule.said)
        else:
            self._identified()

    def _identified(self) -> None:
        given = self.request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.api.needs_token and given not in self.api.tokens:
            self.fail(401, "Unauthorized")

    def on_finish(self) -> None:
        if self.rule is not None and self.rule.after is not None:
            self.rule.after()

    @property
    def api(self) -> ApiServer:
        return self.settings["api"]

    def fail(self, code: int, message: str, **details) -> None:
        self.set_status(code)
        status = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": REASONS.get(code, ""),
            "details": details,
            "code": code,
        }
        self.answer(status)

    def answer(self, document: dict) -> None:
        if self.rule is not None and self.rule.lost:
            self._finished = True
            self.request.connection.stream.close()
            return
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(document))


class _Nodes(_Handler):
    def get(self) -> None:
        items = list(self.api.nodes.values())
        self.answer({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": items})


class _Node(_Handler):
    def get(self, name: str) -> None:
        if (node := self._found(name)) is not None:
            self.answer(self._shown(node))

    def patch(self, name: str) -> None:
        if (node := self._found(name)) is None:
            return
        kind = self.request.headers.get("Content-Type", "").partition(";")[0]
        if kind not in PATCHES:
            self.fail(415, "the body of the request was in an unknown format - accepted media "
                      f"types include: {', '.join(PATCHES)}")  # fmt: skip
            return
        patch = json.loads(self.request.body)
        version = node["metadata"]["resourceVersion"]
        if patch.get("metadata", {}).get("resourceVersion", version) != version:
            self.fail(
                409,
                f'Operation cannot be fulfilled on nodes "{name}": the object has been modified; '
                "please apply your changes to the latest version and try again",
                name=name,
                kind="nodes",
            )
            return
        new = merged(node, patch)
        if wrong := faults(new["metadata"].get("labels", {})):
            self.fail(422, f'Node "{name}" is invalid: {wrong}', name=name, kind="Node")
            return
        self.api.patches.append(patch)
        for part in ("labels", "annotations"):
            new["metadata"].setdefault(part, {})
        if new != node:
            self.api.nodes[name] = new
            self.api.moved(name)
        self.answer(self._shown(self.api.nodes[name]))

    def _found(self, name: str) -> dict | None:
        verb = self.request.method.lower()
        if verb not in self.api.may:
            self.fail(403, f'nodes "{name}" is forbidden: User "drydockd" cannot {verb} resource '
                      '"nodes" in API group "" at the cluster scope')  # fmt: skip
            return None
        node = self.api.nodes.get(name)
        if node is None:
            self.fail(404, f'nodes "{name}" not found', name=name, kind="nodes")
        return node

    def _shown(self, node: dict) -> dict:
        if "as=PartialObjectMetadata" not in self.request.headers.get("Accept", ""):
            return node
        kind = {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1"}
        return {**kind, "metadata": node["metadata"]}


class _Review(_Handler):
    def post(self) -> None:
        if "protobuf" in self.request.headers.get("Content-Type", ""):
            # kubectl sends protobuf, which a real one takes too.
            self.fail(415, "the body of the request was in an unknown format")
            return
        review = json.loads(self.request.body)
        asked = review["spec"]["resourceAttributes"]
        is_allowed = asked["resource"] == "nodes" and asked["verb"] in self.api.may
        self.set_status(201)
        self.answer({**review, "status": {"allowed": is_allowed}})


class _Discovery(_Handler):
    def get(self, path: str) -> None:
        verbs = ["get", "list", "patch"]
        nodes = {"name": "nodes", "singularName": "node", "namespaced": False, "kind": "Node",
                 "verbs": verbs, "shortNames": ["no"]}  # fmt: skip
        review = {"name": "selfsubjectaccessreviews", "singularName": "", "namespaced": False,
                  "kind": "SelfSubjectAccessReview", "verbs": ["create"]}  # fmt: skip
        group = {"groupVersion": "authorization.k8s.io/v1", "version": "v1"}
        known = {
            "version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
            "api": {"kind": "APIVersions", "versions": ["v1"]},
            "apis": {
                "kind": "APIGroupList",
                "apiVersion": "v1",
                "groups": [
                    {"name": "authorization.k8s.io", "versions": [group], "preferredVersion": group}
                ],
            },
            "api/v1": {"kind": "APIResourceList", "groupVersion": "v1", "resources": [nodes]},
            "apis/authorization.k8s.io/v1": {
                "kind": "APIResourceList",
                "groupVersion": "authorization.k8s.io/v1",
                "resources": [review],
            },
        }
        if path in known:
            self.answer(known[path])
        else:
            self.fail(404, "the server could not find the requested resource")


def merged(target: object, patch: object) -> object:
    """RFC 7396."""
    if not isinstance(patch, dict):
        return patch
    result = copy.deepcopy(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def faults(labels: dict) -> str:
    wrong = [key for key in labels if not LABEL.fullmatch(key)]
    if wrong:
        return f"metadata.labels: Invalid value: {wrong[0]!r}: name part must consist of ..."
    wrong = [value for value in labels.values() if not VALUE.fullmatch(str(value))]
    return (
        f"metadata.labels: Invalid value: {wrong[0]!r}: a valid label must be ..." if wrong else ""
    )

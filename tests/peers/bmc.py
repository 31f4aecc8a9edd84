"""A scripted Redfish BMC: it plays the right one and every wrong one of contract, oob-faults, C.

`ScriptedBmc` is one BMC in this process; `python -m tests.peers.bmc` plays many, for benchmarks.
What takes time in the field takes looks here: a power state changes after so many reads of it,
a POST phase is over after so many refusals. So nothing in a test waits for a clock.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import itertools
import json
import re
import ssl
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from tests.peers.bmc_documents import METADATA, ROOT, Documents, Machine, a_boot, error
from tests.peers.bmc_rules import Rule
from tests.peers.certificates import Authority

__all__ = ["ACCOUNT", "PASSWORD", "ROOT", "Machine", "Rule", "ScriptedBmc", "a_boot", "error"]

OPEN = (f"{ROOT}/odata", f"{ROOT}/$metadata")
ACCOUNT, PASSWORD = "drydock-operator", "pa55-of-the-bmc"


class ScriptedBmc(Documents):
    """One BMC on a port of its own; every attribute may be changed while it runs."""

    def __init__(self, *machines: Machine, context: ssl.SSLContext | None = None) -> None:
        self.machines = list(machines) or [Machine()]
        for machine in self.machines:
            machine.boot = machine.boot or a_boot()
        self.account, self.password = ACCOUNT, PASSWORD
        self.context = context
        self.rules: list[Rule] = []
        # -- sessions
        self.limit = 8
        self.limit_answer = (503, "IDRAC.2.8.RAC0218")
        self.has_sessions = True
        self.links = "links"  # service: only the session service; none: neither
        self.has_session_body_uri_only = False
        self.must_change_password = False
        self.sessions: dict[str, str] = {}
        self.session_notes: dict[str, dict] = {}  # what each tells besides
        self.untold_of_sessions: set[str] = set()
        self.most_sessions = 0
        self.logins = 0
        self.judged = 0  # how often the account was looked at
        self.refused_logins = 0
        # -- changes
        self.need_etag = False
        self.need_etag_for_reset = False
        self.etag_form = "plain"  # twice: quoted twice; weak; none: in the body only
        self.takes_etags: set[str] | None = None  # of: sent, strong, star, none
        self.post_refusals = 0
        self.needs_full_boot = False
        self.mode_readonly = False
        self.mode_reverts_to = ""
        self.settings_only = False
        self.ignore_once = 0  # how many changes of the boot device it forgets
        # -- power
        self.reset_types: list | None = ["On", "ForceOff", "GracefulShutdown", "PushPowerButton"]
        self.action_info = False
        self.conflict_on_same = False
        self.on_conflicts = 0
        self.forgets_resets = 0  # how many resets it takes without doing anything
        self.falls_back = 0  # how many resets show PoweringOn and the old state again
        self.deaf_to: set[str] = set()
        self.answers_with_task = False
        self.task_body: dict | None = None
        self.task_is_gone = False
        # -- what it knows
        self.empty_collections = 0  # how often Systems shows none
        self.adapter_ports = ""  # Ports, NetworkPorts, NetworkDeviceFunctions
        self.needs_login_for_root = False
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[tuple[str, str, dict]] = []
        self.headers: list[dict] = []
        self.open_requests = 0
        self._tokens = itertools.count(1)

    async def start(self, port: int = 0, address: str = "127.0.0.1") -> ScriptedBmc:
        app = Application([(".*", _Handler, {"bmc": self})], log_function=lambda _: None)
        self._server = HTTPServer(app, ssl_options=self.context)
        sockets = bind_sockets(port, address)
        self.port = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)
        return self

    async def stop(self) -> None:
        for rule in self.rules:
            if rule.hold is not None:
                rule.hold.set()
        self._server.stop()
        await self._server.close_all_connections()

    def rule(self, method: str = ".*", path: str = ".*", **what) -> Rule:
        self.rules.append(Rule(method, path, **what))
        return self.rules[-1]

    def restart(self) -> None:
        """Its sessions are gone, as after a restart of a real one."""
        self.sessions.clear()

    def count(self, method: str, path: str = ".*") -> int:
        return sum(1 for m, p in self.asked if m == method and re.fullmatch(path, p))

    @property
    def machine(self) -> Machine:
        return self.machines[0]

    def etag(self, machine: Machine) -> str:
        bare = hashlib.md5(f"{machine.id}/{machine.version}".encode()).hexdigest()[:8]
        return {"twice": f'""{bare}""', "weak": f'W/"{bare}"'}.get(self.etag_form, f'"{bare}"')

    def etag_is_right(self, machine: Machine, sent: str | None) -> bool:
        bare = self.etag(machine).replace("W/", "").strip('"')
        kind = {
            None: "none",
            "*": "star",
            self.etag(machine): "sent",
            f'"{bare}"': "strong",
        }.get(sent, "wrong")
        if self.takes_etags is not None:
            return kind in self.takes_etags
        return kind in ("sent", "strong", "star")

    # -- the changes: each returns (status, body, headers)

    def log_in(self, body: dict, origin: str) -> tuple:
        self.logins += 1
        if len(self.sessions) >= self.limit:
            status, message_id = self.limit_answer
            return status, error(message_id, "The maximum number of user sessions is reached."), {}
        self.judged += 1
        if (body.get("UserName"), body.get("Password")) != (self.account, self.password):
            self.refused_logins += 1
            return 401, error("Base.1.13.ResourceAtUriUnauthorized", "Wrong password."), {}
        number = next(self._tokens)
        token = f"token-{number}-of-the-bmc"
        path = f"{ROOT}/SessionService/Sessions/{number}"
        self.sessions[path] = token
        self.session_notes[path] = {
            "ClientOriginIPAddress": origin,
            "CreatedTime": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        self.most_sessions = max(self.most_sessions, len(self.sessions))
        document = self._session(str(number))
        if self.must_change_password:
            note = error("Base.1.13.PasswordChangeRequired", "Change it.")["error"]
            document["@Message.ExtendedInfo"] = note["@Message.ExtendedInfo"]
        place = {} if self.has_session_body_uri_only else {"Location": path}
        return 201, document, {"X-Auth-Token": token, **place}

    def patch_system(self, machine: Machine, rest: str, body: dict, if_match: str | None) -> tuple:
        if not self._etag_allows(machine, if_match, self.need_etag):
            return _unmatched()
        if self.settings_only and not rest:
            return 400, error("Base.1.5.OperationSupportedInFutureStateURI", "Use SD."), {}
        if self.post_refusals:
            self.post_refusals -= 1
            return 400, error("iLO.2.15.UnableToModifyDuringSystemPOST", "In POST."), {}
        wanted = body.get("Boot", {})
        full = {"BootSourceOverrideEnabled", "BootSourceOverrideTarget", "BootSourceOverrideMode"}
        if self.needs_full_boot and not full <= set(wanted):
            return 400, error("Base.1.8.PropertyMissing", "Boot is incomplete."), {}
        if self.mode_readonly and "BootSourceOverrideMode" in wanted:
            return 400, error("Base.1.8.PropertyNotWritable", "The mode is read-only."), {}
        machine.version += 1
        if self.ignore_once:
            self.ignore_once -= 1
        else:
            machine.boot.update(wanted)
            if self.mode_reverts_to:
                machine.boot["BootSourceOverrideMode"] = self.mode_reverts_to
        return 204, None, {}

    def reset(self, machine: Machine, body: dict, if_match: str | None) -> tuple:
        if not self._etag_allows(machine, if_match, self.need_etag_for_reset):
            return _unmatched()
        way = body.get("ResetType")
        if self.reset_types is not None and way not in self.reset_types:
            return 400, error("Base.1.13.ActionParameterValueNotInList", f"No {way}."), {}
        old = machine.settle()
        new = {"PushPowerButton": "Off" if old == "On" else "On"}.get(
            way, "On" if way in ("On", "ForceOn") else "Off"
        )
        if new == old and self.conflict_on_same:
            return 409, error("IDRAC.2.8.PSU501", f"The server is already powered {new}."), {}
        if new == "On" and self.on_conflicts:
            self.on_conflicts -= 1
            return 409, error("Base.1.18.ActionParameterValueConflict", "Not yet."), {}
        machine.resets.append(way)
        self._turn(machine, way, old, new)
        if self.answers_with_task:
            task = {"@odata.id": f"{ROOT}/Tasks/7", "TaskState": "Running"}
            return 202, task, {"Location": f"{ROOT}/Tasks/7/Monitor"}
        return 204, None, {}

    def _turn(self, machine: Machine, way: str, old: str, new: str) -> None:
        if self.forgets_resets:
            self.forgets_resets -= 1
        elif self.falls_back:
            self.falls_back -= 1
            machine.coming = [f"Powering{new}", old]
        elif way not in self.deaf_to and new != old:
            machine.cuts += new == "Off"
            machine.coming = [old] * machine.lag + [f"Powering{new}"] * bool(machine.lag) + [new]

    def _etag_allows(self, machine: Machine, sent: str | None, is_needed: bool) -> bool:
        if self.takes_etags is not None:
            return self.etag_is_right(machine, sent)
        return self.etag_is_right(machine, sent) if (is_needed or sent) else True


class _Handler(RequestHandler):
    SUPPORTED_METHODS = ("GET", "POST", "PATCH", "DELETE", "HEAD", "PUT", "OPTIONS")

    def initialize(self, bmc: ScriptedBmc) -> None:
        self.bmc = bmc

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("OData-Version", "4.0")
        self.set_header("Cache-Control", "no-cache")

    def write_error(self, status_code: int, **more) -> None:
        self.set_header("Allow", "GET, HEAD, POST, PATCH, DELETE")
        self.finish(error("Base.1.13.OperationNotAllowed", "Not here."))

    async def _any(self) -> None:
        bmc, method, path = self.bmc, self.request.method, self.request.path
        bmc.asked.append((method, path))
        bmc.headers.append({k.lower(): v for k, v in self.request.headers.get_all()})
        rule = next((r for r in bmc.rules if r.matches(method, path)), None)
        if rule is None:
            self._send(*self._answer(method, path))
            return
        bmc.open_requests += 1
        try:
            if rule.hold is not None:
                await rule.hold.wait()
            if rule.delay:
                await asyncio.sleep(rule.delay)
        finally:
            bmc.open_requests -= 1
        if rule.drop == "before":
            self.request.connection.stream.close()
        elif rule.drop == "after":
            self._answer(method, path)
            self.request.connection.stream.close()
        elif rule.status is not None:
            body = error(rule.id, rule.text, rule.args) if rule.id else None
            self._send(rule.status, body, rule.headers, raw=rule.raw)
        else:
            self._send(*self._answer(method, path))

    get = post = patch = delete = head = put = options = _any

    def _answer(self, method: str, path: str) -> tuple:
        bmc = self.bmc
        sessions = f"{ROOT}/SessionService/Sessions"
        body = self._body()
        if body is None:
            return 400, error("Base.1.13.MalformedJSON", "Not JSON."), {}
        if self.request.headers.get("OData-Version", "4.0") != "4.0":
            return 412, error("Base.1.13.HeaderInvalid", "Only OData 4.0."), {}
        if method == "POST" and path.rstrip("/") in (sessions, f"{sessions}/Members"):
            return bmc.log_in(body, self.request.remote_ip) if bmc.has_sessions else _missing(path)
        is_root = path.rstrip("/") in ("/redfish", ROOT)
        is_open = path in OPEN or (is_root and not bmc.needs_login_for_root)
        if not is_open and (refused := self._refused()):
            return refused
        if method in ("GET", "HEAD"):
            return self._read(path)
        if bmc.get(path) is None and "/Actions/" not in path:
            return _missing(path)
        if method == "DELETE" and path.startswith(f"{sessions}/"):
            del bmc.sessions[path]
            return 204, None, {}
        bmc.bodies.append((method, path, body))
        match = re.fullmatch(
            rf"{ROOT}/Systems/([^/]+)(/SD|/Actions/ComputerSystem\.Reset)?", path.rstrip("/")
        )
        machine = next((m for m in bmc.machines if match and m.id == match[1]), None)
        if_match = self.request.headers.get("If-Match")
        if machine and method == "PATCH" and "Actions" not in (match[2] or ""):
            return bmc.patch_system(machine, (match[2] or "").lstrip("/"), body, if_match)
        if machine and method == "POST" and "Actions" in (match[2] or ""):
            return bmc.reset(machine, body, if_match)
        refusal = error("Base.1.13.OperationNotAllowed", "Not here.")
        return 405, refusal, {"Allow": "GET, HEAD"}

    def _read(self, path: str) -> tuple:
        if path == f"{ROOT}/$metadata":
            return 200, METADATA, {"Content-Type": "application/xml; charset=utf-8"}
        document = self.bmc.get(path)
        if document is None:
            return _missing(path)
        headers = {"Allow": "GET, HEAD, PATCH" if "/Systems/" in path else "GET, HEAD"}
        if kind := document.get("@odata.type"):
            schema = f"http://redfish.dmtf.org/schemas/v1/{kind[1:].rpartition('.')[0]}.json"
            headers["Link"] = f"<{schema}>; rel=describedby"
        if "@odata.etag" in document and self.bmc.etag_form != "none":
            headers["ETag"] = document["@odata.etag"]
        return 200, document, headers

    def _refused(self) -> tuple | None:
        bmc, headers = self.bmc, self.request.headers
        if (token := headers.get("X-Auth-Token")) is not None:
            is_in = token in bmc.sessions.values()
        elif basic := headers.get("Authorization"):
            bmc.judged += 1
            pair = f"{bmc.account}:{bmc.password}".encode()
            is_in = basic == f"Basic {base64.b64encode(pair).decode()}"
            bmc.refused_logins += not is_in
        else:
            is_in = False
        if not is_in:
            refusal = error("Base.1.13.NoValidSession", "No valid session.")
            return 401, refusal, {"WWW-Authenticate": 'Basic realm="bmc"'}
        if bmc.must_change_password and self.request.method != "DELETE":
            return 403, error("Base.1.13.PasswordChangeRequired", "Change it."), {}
        return None

    def _body(self) -> dict | None:
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            return None
        return body if isinstance(body, dict) else None

    def _send(self, status: int, body: dict | str | None, headers: dict, raw: bytes | None = None):
        self.set_status(status)
        for name, value in headers.items():
            self.set_header(name, value)
        if raw is not None:
            self.finish(raw)
        elif isinstance(body, str):
            self.finish(body)
        elif body is not None:
            self.set_header("Content-Type", "application/json; charset=utf-8")
            self.finish(json.dumps(body))
        else:
            self.clear_header("Content-Type")
            self.finish()


def _missing(path: str) -> tuple:
    return 404, error("Base.1.13.ResourceMissingAtURI", f"{path} is not there."), {}


def _unmatched() -> tuple:
    return 412, error("Base.1.13.PreconditionFailed", "The ETag does not match."), {}


async def serve(count: int, seconds: float, *, is_tls: bool) -> None:
    """Play `count` BMCs that take `seconds` for each answer; print their ports in one line."""
    context = None
    if is_tls:
        with tempfile.TemporaryDirectory() as folder:
            context, _ = Authority(Path(folder)).context(is_self_signed=True)
    bmcs = [ScriptedBmc(context=context) for _ in range(count)]
    for bmc in bmcs:
        await bmc.start()
        bmc.rule(delay=seconds)
    print(" ".join(str(bmc.port) for bmc in bmcs), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--tls", action="store_true")
    given = parser.parse_args()
    asyncio.run(serve(given.count, given.seconds, is_tls=given.tls))

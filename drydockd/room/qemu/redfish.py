"""A Redfish BMC whose machine is a process: the part of the standard that power, boot device and
identity need, over HTTP on the room's own network.

Source: DMTF DSP0266 (protocol), DSP2046 (resources): ServiceRoot, SessionService, ComputerSystem,
EthernetInterface, Manager.
"""

from __future__ import annotations

import base64
import hmac
import json
import secrets
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tornado import web
from tornado.httpserver import HTTPServer

from drydockd.errors import InvalidInput, Unavailable
from drydockd.room.qemu.switch import Switch

ROOT = "/redfish/v1"
SESSIONS = f"{ROOT}/SessionService/Sessions"
SYSTEM = f"{ROOT}/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"
NICS = f"{SYSTEM}/EthernetInterfaces"
MANAGER = f"{ROOT}/Managers/bmc"
OPEN = ("/redfish", ROOT)
TARGETS = ("None", "Pxe", "Hdd")
ENABLED = ("Disabled", "Once", "Continuous")
RESETS = ("On", "ForceOff", "ForceRestart")
MOST_SESSIONS = 16
MOST_BODY_BYTES = 64 * 1024

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the BMC tells of its machine. `mode` is ``Legacy`` or ``UEFI``."""

    name: str
    serial: str
    uuid: str
    macs: Sequence[str]
    mode: str


@dataclass
class RedfishBmc:
    """One BMC at `address` and `port`, which is in use from `start` to `stop`. Needs a loop."""

    address: str
    port: int
    account: str
    credential: str = field(repr=False)
    facts: Facts
    switch: Switch
    target: str = "None"
    enabled: str = "Disabled"
    tokens: dict[str, str] = field(default_factory=dict, repr=False)
    _server: HTTPServer | None = None

    def start(self) -> None:
        """Listen; port 0 is any free one. Raises Unavailable."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setblocking(False)
        try:
            listener.bind((self.address, self.port))
            listener.listen()
        except OSError as error:
            listener.close()
            raise Unavailable(
                f"the BMC of {self.facts.name} cannot listen on {self.address}:{self.port}: "
                f"{error.strerror}"
            ) from error
        self.port = listener.getsockname()[1]
        application = web.Application(
            [(r"/.*", _Handler, {"bmc": self})], log_function=lambda handler: None
        )
        self._server = HTTPServer(application, max_body_size=MOST_BODY_BYTES)
        self._server.add_sockets([listener])

    def wait(self) -> None:
        """Return when it answers, as the other kind of BMC does: it does since its start."""

    def stop(self) -> None:
        """Answer no more, and cut the machine off."""
        if self._server is not None:
            self._server.stop()
        self.switch.cut()

    # -- what it knows

    def document(self, path: str) -> Document | None:
        """Return the resource at `path`, None where there is none."""
        if path == SYSTEM:
            return self._system()
        if path in self.tokens:
            return {"@odata.id": path, "Id": _last(path), "Name": "Session"}
        if path.startswith(f"{NICS}/"):
            return self._nic(path)
        return self._fixed().get(path)

    def _fixed(self) -> Mapping[str, Document]:
        nics = [f"{NICS}/{number}" for number in range(len(self.facts.macs))]
        return {
            "/redfish": {"v1": f"{ROOT}/"},
            ROOT: {
                "@odata.id": ROOT,
                "Id": "RootService",
                "Name": "Root Service",
                "RedfishVersion": "1.15.0",
                "Vendor": "drydock lab",
                "Systems": _link(f"{ROOT}/Systems"),
                "Managers": _link(f"{ROOT}/Managers"),
                "SessionService": _link(f"{ROOT}/SessionService"),
                "Links": {"Sessions": _link(SESSIONS)},
            },
            f"{ROOT}/SessionService": {
                "@odata.id": f"{ROOT}/SessionService",
                "Id": "SessionService",
                "Name": "Session Service",
                "ServiceEnabled": True,
                "Sessions": _link(SESSIONS),
            },
            SESSIONS: _collection(SESSIONS, list(self.tokens)),
            f"{ROOT}/Systems": _collection(f"{ROOT}/Systems", [SYSTEM]),
            f"{ROOT}/Managers": _collection(f"{ROOT}/Managers", [MANAGER]),
            MANAGER: {"@odata.id": MANAGER, "Id": "bmc", "Name": "BMC", "FirmwareVersion": "1"},
            NICS: _collection(NICS, nics),
        }

    def _system(self) -> Document:
        facts = self.facts
        return {
            "@odata.id": SYSTEM,
            "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
            "Id": "1",
            "Name": facts.name,
            "SystemType": "Virtual",
            "Manufacturer": "QEMU",
            "SerialNumber": facts.serial,
            "UUID": facts.uuid,
            "PowerState": "On" if self.switch.is_on() else "Off",
            "Boot": {
                "BootSourceOverrideTarget": self.target,
                "BootSourceOverrideTarget@Redfish.AllowableValues": list(TARGETS),
                "BootSourceOverrideEnabled": self.enabled,
                "BootSourceOverrideEnabled@Redfish.AllowableValues": list(ENABLED),
                "BootSourceOverrideMode": facts.mode,
            },
            "EthernetInterfaces": _link(NICS),
            "Actions": {
                "#ComputerSystem.Reset": {
                    "target": RESET,
                    "ResetType@Redfish.AllowableValues": list(RESETS),
                }
            },
            "Links": {"ManagedBy": [_link(MANAGER)]},
        }

    def _nic(self, path: str) -> Document | None:
        number = _last(path)
        if not number.isdecimal() or int(number) >= len(self.facts.macs):
            return None
        mac = self.facts.macs[int(number)]
        return {"@odata.id": path, "Id": number, "Name": f"NIC {number}", "MACAddress": mac}

    # -- what it does

    def is_login(self, account: object, credential: object) -> bool:
        given = f"{account}:{credential}".encode()
        return hmac.compare_digest(given, f"{self.account}:{self.credential}".encode())

    def session(self) -> tuple[str, str]:
        """Return path and token of a new session; the oldest of too many goes."""
        while len(self.tokens) >= MOST_SESSIONS:
            del self.tokens[next(iter(self.tokens))]
        path, token = f"{SESSIONS}/{secrets.token_hex(4)}", secrets.token_urlsafe(24)
        self.tokens[path] = token
        return path, token

    def set_boot(self, wanted: Mapping[str, object]) -> None:
        """Take what a PATCH says of the boot device. Raises InvalidInput, nothing changed."""
        target = wanted.get("BootSourceOverrideTarget", self.target)
        enabled = wanted.get("BootSourceOverrideEnabled", self.enabled)
        mode = wanted.get("BootSourceOverrideMode", self.facts.mode)
        for value, allowed in ((target, TARGETS), (enabled, ENABLED), (mode, (self.facts.mode,))):
            if value not in allowed:
                raise InvalidInput(f"{value!r} is none of {', '.join(allowed)}")
        self.target, self.enabled = str(target), str(enabled)

    async def reset(self, way: object) -> None:
        """Do what a reset of that type does. Raises InvalidInput, Unavailable."""
        if way not in RESETS:
            raise InvalidInput(f"{way!r} is none of {', '.join(RESETS)}")
        if way != "On":
            await self.switch.off()
        if way != "ForceOff" and await self.switch.on(self._order()) and self.enabled == "Once":
            self.target, self.enabled = "None", "Disabled"

    def _order(self) -> str:
        return "pxe" if self.target == "Pxe" and self.enabled != "Disabled" else "default"


class _Handler(web.RequestHandler):
    def initialize(self, bmc: RedfishBmc) -> None:
        self.bmc = bmc
        self.path = self.request.path.rstrip("/")

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("OData-Version", "4.0")

    def prepare(self) -> None:
        is_login = self.request.method == "POST" and self.path == SESSIONS
        if not (self._is_known() or is_login or self.path in OPEN):
            raise web.HTTPError(401)

    def _is_known(self) -> bool:
        token = self.request.headers.get("X-Auth-Token", "")
        if token:
            return token in self.bmc.tokens.values()
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            account, _, credential = base64.b64decode(given).decode().partition(":")
        except ValueError:
            return False
        return self.bmc.is_login(account, credential)

    def get(self) -> None:
        document = self.bmc.document(self.path)
        if document is None:
            raise web.HTTPError(404)
        self._answer(200, document)

    async def post(self) -> None:
        body = self._body()
        if self.path == SESSIONS:
            if not self.bmc.is_login(body.get("UserName"), body.get("Password")):
                raise web.HTTPError(401)
            path, token = self.bmc.session()
            self.set_header("Location", path)
            self.set_header("X-Auth-Token", token)
            self._answer(201, {"@odata.id": path, "Id": _last(path), "Name": "Session"})
        elif self.path == RESET:
            await self.bmc.reset(body.get("ResetType"))
            self.set_status(204)
        else:
            raise web.HTTPError(404)

    def patch(self) -> None:
        if self.path != SYSTEM:
            raise web.HTTPError(405)
        boot = self._body().get("Boot")
        if not isinstance(boot, dict):
            raise InvalidInput("Boot is all that can be changed")
        self.bmc.set_boot(boot)
        self.set_status(204)

    def delete(self) -> None:
        if self.bmc.tokens.pop(self.path, None) is None:
            raise web.HTTPError(404)
        self.set_status(204)

    def _body(self) -> Mapping[str, Any]:
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError as error:
            raise InvalidInput("the body is no JSON") from error
        if not isinstance(body, dict):
            raise InvalidInput("the body is no object")
        return body

    def _answer(self, status: int, document: Document) -> None:
        self.set_status(status)
        self.set_header("Content-Type", "application/json; charset=utf-8")
        self.finish(json.dumps(document))

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        kinds = {InvalidInput: (400, "PropertyValueNotInList"), Unavailable: (500, "InternalError")}
        known = next((what for kind, what in kinds.items() if isinstance(error, kind)), None)
        status, word = known or (status_code, "GeneralError")
        note = {
            "MessageId": f"Base.1.13.{word}",
            "Message": str(error) if known else self._reason,
        }
        told = {"code": note["MessageId"], "message": note["Message"]}
        self._answer(status, {"error": {**told, "@Message.ExtendedInfo": [note]}})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, InvalidInput | Unavailable | web.HTTPError):
            super().log_exception(typ, value, tb)


def _link(path: str) -> Document:
    return {"@odata.id": path}


def _collection(path: str, members: Sequence[str]) -> Document:
    return {
        "@odata.id": path,
        "Name": f"{_last(path)} Collection",
        "Members@odata.count": len(members),
        "Members": [_link(member) for member in members],
    }


def _last(path: str) -> str:
    return path.rpartition("/")[2]

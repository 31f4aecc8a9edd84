"""A whole daemon in this process, and what a test needs to talk to it as people and nodes do."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
from ulid import ULID

from drydockd import app
from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key
from drydockd.config import Settings
from drydockd.model import BootAction, BootActionStatus, BootContext, Pin, timestamp
from drydockd.store import Put
from tests.handlers.answers import recorded

V1 = "/api/v1.0"
# Set by conftest.py: what gives a Daemon in the place of the usual one.
instead: Any = None
SITE = Path(__file__).parents[2] / "conf" / "example-site" / "site.yaml"
REF = SITE.as_uri()
JSON = {"Content-Type": "application/json"}
# Whom a client believes. Reading all these costs more than most tests do.
TRUST = ssl.create_default_context()

# Machines that do everything at once and never report, so that the test is the node.
QUICK = {
    "latencies": dict.fromkeys(
        ("bmc", "power", "discovery", "commission", "deploy", "wipe", "first_boot", "report"), 0
    ),
    "faults": [{"fault": "never_boots"}],
}


def settings(state: Path, **sections: dict[str, Any]) -> Settings:
    """Return settings of a daemon on a free port; `sections` are merged over them."""
    values: dict[str, dict[str, Any]] = {
        "api": {"listen": "127.0.0.1:0", "shutdown_grace": 5},
        "store": {"state_dir": state, "backend": "memory"},
        "auth": {"strategy": ("jwt",)},
        "network": {"allowed_roots": (str(SITE.parent), str(state)), "http_client_retries": 1},
        "plugins": {
            "oob_driver": ("fake",),
            "node_driver": "fake",
            "kubernetes_driver": "fake",
        },
        "drivers": {"fake_driver": {"config": QUICK}},
        "health": {"cache": 0},
    }
    for section, options in sections.items():
        place = values if section in Settings.model_fields else values["drivers"]
        place[section] = place.get(section, {}) | options
    return Settings.model_validate(values)


@dataclass
class Deployed:
    """A boot context with its actions as a deployment leaves it, and the keys that open it."""

    node: str
    context: BootContext
    key: str
    actions: dict[str, BootAction]
    action_keys: dict[str, str]


@dataclass
class Daemon:
    app: app.App
    http: httpx.AsyncClient
    state: Path
    closers: list[Any] = field(default_factory=list)

    def token(self, *roles: str, user: str = "joe", ttl: int = 600) -> str:
        key = secret_key(self.state / SECRET_FILE)
        return mint(key, user=user, roles=roles, ttl_seconds=ttl)

    @property
    def admin(self) -> dict[str, str]:
        return {"X-Auth-Token": self.token("admin")}

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.http.get(path, headers=self.admin, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.http.post(path, headers=self.admin, json=body, **options)

    async def task(self, **body: Any) -> dict[str, Any]:
        """Create a task and return it when it has ended."""
        made = await self.post(f"{V1}/tasks", {"design_ref": REF, **body})
        assert made.status_code == 201, made.text
        return await self.ended(made.json()["task_id"])

    async def ended(self, task_id: str, seconds: float = 60) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            shown = (await self.get(f"{V1}/tasks/{task_id}", params={"wait": 10})).json()
            if shown["status"] in ("complete", "terminated"):
                return shown
        raise AssertionError(f"task {task_id} did not end: {shown}")

    async def deployed(
        self, node: str, task_id: str = "", *, more: str = "", pins: tuple[Pin, ...] = ()
    ) -> Deployed:
        """Put a fresh boot context for `node` into the store, as the deploy step does.

        `more` are further documents of the design, `pins` what was fetched for it.
        """
        services = self.app.services
        content = SITE.read_bytes() + more.encode()
        design = await services.designs.compile(content, REF)
        digest = await services.store.put_blob(content)
        now = timestamp()
        context = BootContext(node, str(ULID()), task_id or str(ULID()), REF, digest, now)
        actions = {
            spec.name: BootAction(
                str(ULID()),
                node,
                spec.name,
                context.task_id,
                context.context_id,
                BootActionStatus.INCOMPLETE if spec.signaling else BootActionStatus.UNREPORTED,
                now,
            )
            for spec in design.site.bootactions_of(node)
        }
        context = replace(context, pins=pins)
        await services.store.write(Put(context), *(Put(row) for row in actions.values()))
        deployments = services.tasks.deployments
        grants = deployments.grants(context, actions.values())
        return Deployed(
            node,
            context,
            deployments.node_key(context),
            actions,
            {name: grant.action_key for name, grant in grants.items()},
        )


@asynccontextmanager
async def daemon(state: Path, **sections: dict[str, Any]) -> AsyncIterator[Daemon]:
    """Run a daemon on a free port of the loopback address, with its state in `state`.

    Or several, see balanced.py, where the suite runs over them.
    """
    if instead is not None:
        async with instead(state, **sections) as running:
            yield running
        return
    async with (
        app.running(settings(state, **sections), base=state) as running,
        httpx.AsyncClient(
            base_url=running.url, timeout=20, verify=TRUST, event_hooks={"response": [recorded]}
        ) as http,
    ):
        yield Daemon(running, http, state)


async def raw(url: str, data: bytes) -> bytes:
    """Send bytes; return what comes back until the server closes, as it has to."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(data)
        await writer.drain()
        answer = b""
        async with asyncio.timeout(20):
            with contextlib.suppress(ConnectionResetError):
                while chunk := await reader.read(65536):
                    answer += chunk
        return answer
    finally:
        writer.close()

"""A real daemon in a process of its own, for benchmarks: started, waited for, measured, stopped."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml

from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key

READY_SECONDS = 180


class Daemon:
    """`url` without a trailing slash; `token` is an admin's; `peak_mib` is read while it runs."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, token: str, folder: Path):
        self.process, self.port, self.token, self.folder = process, port, token, folder
        self.url = f"http://127.0.0.1:{port}"
        self.headers = {"X-Auth-Token": token}
        self.address = "127.0.0.1"  # that `client` comes from

    @property
    def state_dir(self) -> Path:
        return self.folder / "state"

    @property
    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        match = re.search(r"VmHWM:\s+(\d+) kB", status)
        return int(match[1]) / 1024 if match else 0.0

    @property
    def cpu_seconds(self) -> float:
        """What all threads used of a processor so far."""
        return cpu_seconds(self.process.pid)

    async def settled(self, action: str) -> None:
        """Return when no task of `action` waits or runs any more."""
        async with self.client() as client:
            for status in ("queued", "running"):
                query = {"status": status, "action": action, "limit": 1}
                while (await client.get("/tasks", params=query)).raise_for_status().json():
                    await asyncio.sleep(0.02)

    def client(self, timeout_seconds: float = 120) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self.url + "/api/v1.0",
            headers=self.headers,
            timeout=timeout_seconds,
            transport=httpx.AsyncHTTPTransport(local_address=self.address),
        )

    async def finished(self, body: dict[str, Any]) -> dict[str, Any]:
        """Create a task and return its document once it has ended."""
        async with self.client() as client:
            answer = await client.post("/tasks", json=body)
            answer.raise_for_status()
            task: dict[str, Any] = answer.json()
            while task["status"] not in ("complete", "terminated"):
                answer = await client.get(f"/tasks/{task['task_id']}", params={"wait": 30})
                task = answer.raise_for_status().json()
        return task


def cpu_seconds(pid: int) -> float:
    """What all threads of a process used of a processor; only of those that still live."""
    used = 0
    for thread in Path(f"/proc/{pid}/task").iterdir():
        used += int((thread / "schedstat").read_text(encoding="utf-8").split()[0])
    return used / 1e9


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def configuration(folder: Path, port: int, extra: dict[str, dict[str, Any]]) -> dict[str, Any]:
    base: dict[str, dict[str, Any]] = {
        "default": {"poll_interval": 1},
        "api": {"listen": f"127.0.0.1:{port}", "public_url": f"http://127.0.0.1:{port}"},
        "store": {"state_dir": str(folder / "state")},
        "auth": {"strategy": ["jwt"]},
        "network": {"allowed_roots": [str(folder)]},
        "plugins": {
            "oob_driver": ["fake"],
            "node_driver": "fake",
            "kubernetes_driver": "fake",
        },
        "logging": {"log_level": "WARNING"},
    }
    for section, options in extra.items():
        base.setdefault(section, {}).update(options)
    return base


@asynccontextmanager
async def running(
    folder: Path,
    *,
    port: int = 0,
    cpu: int | None = None,
    prefix: Sequence[str] = (),
    module: str = "drydockd",
    **sections: dict[str, Any],
) -> AsyncIterator[Daemon]:
    """Start a daemon with its state in ``folder/state``, yield it when it is ready, stop it.

    `cpu` pins it to one processor, `prefix` goes before its command, `module` is what is run, with
    the flags of drydockd; further keywords are sections of the configuration.
    """
    port = port or free_port()
    state = folder / "state"
    state.mkdir(mode=0o700, exist_ok=True)
    config = folder / "drydockd.yaml"
    config.write_text(yaml.safe_dump(configuration(folder, port, sections)), encoding="utf-8")
    token = mint(
        secret_key(state / SECRET_FILE, create=True),
        user="bench",
        roles=("admin",),
        ttl_seconds=6 * 3600,
    )
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(folder / "notify"))
    notify.setblocking(False)
    pin = ["taskset", "-c", str(cpu)] if cpu is not None else []
    with (folder / "daemon.log").open("ab") as log:
        process = subprocess.Popen(
            [*prefix, *pin, sys.executable, "-m", module, "--config", str(config)],
            env={**os.environ, "NOTIFY_SOCKET": str(folder / "notify")},
            stdout=log,
            stderr=log,
        )
    try:
        await _ready(notify, process, folder)
        yield Daemon(process, port, token, folder)
    finally:
        notify.close()
        (folder / "notify").unlink(missing_ok=True)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 60)


async def _ready(notify: socket.socket, process: subprocess.Popen[bytes], folder: Path) -> None:
    loop = asyncio.get_running_loop()
    exited = asyncio.create_task(asyncio.to_thread(process.wait))
    async with asyncio.timeout(READY_SECONDS):
        while True:
            heard = asyncio.ensure_future(loop.sock_recv(notify, 4096))
            await asyncio.wait({heard, exited}, return_when=asyncio.FIRST_COMPLETED)
            if heard.done():
                if b"READY=1" in heard.result():
                    return
            else:
                heard.cancel()
                log = (folder / "daemon.log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"drydockd did not start:\n{log[-4000:]}")

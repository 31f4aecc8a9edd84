"""The real `drydockd` process, started as a service manager would."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import yaml

from drydockd.auth.jwt import mint
from drydockd.auth.jwtkeys import SECRET_FILE, secret_key

REPOSITORY = Path(__file__).parents[2]
SITE = REPOSITORY / "conf" / "example-site" / "site.yaml"


class Process:
    """One run of the daemon; `log` is the file its standard error goes to."""

    def __init__(
        self, folder: Path, popen: subprocess.Popen[bytes], manager: socket.socket
    ) -> None:
        self.folder = folder
        self.popen = popen
        self.manager = manager

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    def told(self, wanted: str) -> str:
        """Wait until the service manager is told something that contains `wanted`."""
        while True:
            state = self.manager.recv(4096).decode()
            if wanted in state:
                return state

    def ready(self) -> str:
        """Wait for READY; return the URL served."""
        try:
            state = self.told("READY=1")
        except TimeoutError:
            raise AssertionError(f"not ready:\n{self.log}") from None
        return re.search(r"STATUS=serving (\S+)", state)[1]

    def signal(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def ended(self) -> int:
        return self.popen.wait(20)

    def admin(self) -> dict[str, str]:
        key = secret_key(self.folder / "state" / SECRET_FILE)
        return {"X-Auth-Token": mint(key, user="joe", roles=["admin"], ttl_seconds=600)}

    def get(self, url: str, **options) -> httpx.Response:
        return httpx.get(url, headers=self.admin(), timeout=20, **options)


def configuration(folder: Path, **sections) -> Path:
    values = {
        "api": {"listen": "127.0.0.1:0", "shutdown_grace": 5},
        "store": {"state_dir": str(folder / "state")},
        "auth": {"strategy": "jwt"},
        "network": {"allowed_roots": [str(SITE.parent)]},
        "plugins": {"oob_driver": ["fake"], "node_driver": "fake", "kubernetes_driver": "fake"},
    }
    for section, options in sections.items():
        values[section] = values.get(section, {}) | options
    path = folder / "drydockd.yaml"
    path.write_text(yaml.safe_dump(values))
    return path


@contextmanager
def started(
    folder: Path, *arguments: str, environ=None, preexec=None, code=None, **sections
) -> Iterator[Process]:
    """Start a daemon with its state in `folder`, and make sure that it ends."""
    path = configuration(folder, **sections)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = folder / "notify"
        address.unlink(missing_ok=True)
        manager.bind(str(address))
        manager.settimeout(20)
        start = ["-m", "drydockd"] if code is None else ["-c", code]
        with open(folder / "log", "ab") as log:
            popen = subprocess.Popen(
                [sys.executable, *start, "--config", str(path), *arguments],
                cwd=REPOSITORY,
                env={**os.environ, "NOTIFY_SOCKET": str(address), **(environ or {})},
                stderr=log,
                stdout=log,
                preexec_fn=preexec,
                close_fds=preexec is None,
            )
        try:
            yield Process(folder, popen, manager)
        finally:
            if popen.poll() is None:
                popen.kill()
            popen.wait(20)

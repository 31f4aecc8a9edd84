"""A real Ironic with its `fake-hardware`, in an environment of its own (`make peers`).

Fixtures: `ironic` runs for the whole run, its tests name their nodes apart; `make_ironic` starts
one of the test's own, with options. The schema is made once per run and copied. `Agent` plays
what boots on a machine that is inspected: it sends what it saw, as ironic-python-agent does.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.peers.keystone import free_port
from tests.peers.table import PEERS

BIN = PEERS["ironic"].environment / "bin"
VERSION = {"X-OpenStack-Ironic-API-Version": "1.87"}
CONDUCTOR = "conductor-1"
GIB = 2**30

CONF = """\
[DEFAULT]
auth_strategy = {auth_strategy}
http_basic_auth_user_file = {folder}/htpasswd
rpc_transport = none
state_path = {folder}
log_file = {folder}/ironic.log
host = {conductor}
enabled_hardware_types = fake-hardware
enabled_bios_interfaces = fake
enabled_boot_interfaces = fake
enabled_console_interfaces = no-console
enabled_deploy_interfaces = fake
enabled_firmware_interfaces = fake
enabled_inspect_interfaces = agent,fake
enabled_management_interfaces = fake
enabled_network_interfaces = noop
enabled_power_interfaces = fake
enabled_raid_interfaces = fake
enabled_rescue_interfaces = fake
enabled_storage_interfaces = noop
enabled_vendor_interfaces = fake
default_inspect_interface = agent
[api]
host_ip = 127.0.0.1
port = {port}
api_workers = 1
[conductor]
automated_clean = true
sync_power_state_interval = 0
check_provision_state_interval = 0
[database]
connection = sqlite:///{folder}/ironic.db
sqlite_synchronous = false
[fake]
deploy_delay = {deploy_delay}
[inspector]
require_managed_boot = false
[oslo_concurrency]
lock_path = {folder}/lock
[service_catalog]
endpoint_override = http://127.0.0.1:{port}
"""


@dataclass
class IronicServer:
    """One Ironic process, API and conductor; `stop` and `start` may alternate."""

    folder: Path
    port: int
    auth_strategy: str = "noauth"
    deploy_delay: str = "0"
    process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        conf = self.folder / "ironic.conf"
        conf.write_text(
            CONF.format(
                folder=self.folder,
                port=self.port,
                conductor=CONDUCTOR,
                auth_strategy=self.auth_strategy,
                deploy_delay=self.deploy_delay,
            )
        )
        with (self.folder / "output.log").open("ab") as output:
            self.process = subprocess.Popen(
                [BIN / "ironic", "--config-file", conf],
                env=environment(self.folder),
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        self._wait()

    def _wait(self) -> None:
        """Until it answers, and its conductor is known: it says neither of itself."""
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self.process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                answer = httpx.get(f"{self.url}/v1/", timeout=30, trust_env=False)
                if answer.status_code in (200, 401):
                    return
            time.sleep(0.1)
        self.stop()
        log = self.folder / "ironic.log"
        said = (self.folder / "output.log").read_text() + (log.read_text() if log.exists() else "")
        pytest.fail(f"Ironic did not start: {said[-3000:]}")

    def stop(self) -> None:
        if self.process is not None:
            # Its launcher forks; the whole session ends, whatever it is doing.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, 9)
            self.process.wait(timeout=20)
            self.process = None

    def request(self, method: str, path: str, **more) -> httpx.Response:
        """Call the API as an operator would."""
        headers = VERSION | more.pop("headers", {})
        answer = httpx.request(
            method, self.url + path, headers=headers, timeout=60, trust_env=False, **more
        )
        answer.raise_for_status()
        return answer

    def node(self, name: str) -> dict:
        return self.request("GET", f"/v1/nodes/{name}").json()

    def enrol(self, name: str, *macs: str, **fields) -> dict:
        """Make a node known, as an operator does before drydockd sees it."""
        body = {"name": name, "driver": "fake-hardware", **fields}
        node = self.request("POST", "/v1/nodes", json=body).json()
        for mac in macs:
            self.request("POST", "/v1/ports", json={"node_uuid": node["uuid"], "address": mac})
        return node

    def change(self, name: str, **values) -> None:
        """Set fields of a node; ``a__b`` is the path ``/a/b``."""
        changes = [
            {"op": "add", "path": "/" + key.replace("__", "/"), "value": value}
            for key, value in values.items()
        ]
        self.request("PATCH", f"/v1/nodes/{name}", json=changes)


def seen(mac: str, *, disks: int = 1, nics: tuple[str, ...] = ()) -> dict:
    """What the agent sees of a machine with that MAC address: eno1 and more, sda and more."""
    return {
        "interfaces": [
            {
                "name": f"eno{number}",
                "mac_address": address,
                "pci_address": f"0000:19:00.{number - 1}",
                "has_carrier": True,
            }
            for number, address in enumerate((mac, *nics), start=1)
        ],
        "disks": [
            {
                "name": f"/dev/sd{letter}",
                "size": 100 * GIB,
                "serial": f"S-{letter}-{mac[-2:]}",
                "wwn": None,
                "hctl": f"0:{number}:0:0",
                "rotational": False,
                "model": "m",
                "vendor": "v",
            }
            for number, letter in enumerate("abcdefgh"[:disks])
        ],
        "cpu": {"architecture": "x86_64", "count": 8},
        "memory": {"physical_mb": 16384, "total": 16 * GIB},
        "bmc_address": "0.0.0.0",
        "system_vendor": {"product_name": "p", "serial_number": "1", "manufacturer": "m"},
        "boot": {"current_boot_mode": "uefi"},
    }


@dataclass
class Agent:
    """Boots, so to say, on every machine that waits to be inspected; `machines` by MAC."""

    url: str
    machines: dict[str, dict] = field(default_factory=dict)
    inspected: list[str] = field(default_factory=list)

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self.url, timeout=60, trust_env=False) as http:
            while True:
                # What a machine does not know either: when it is told to boot.
                await asyncio.sleep(1.0)
                waiting = {"provision_state": "inspect wait", "fields": "uuid"}
                with contextlib.suppress(httpx.HTTPError):
                    found = await http.get("/v1/nodes", params=waiting, headers=VERSION)
                    for node in found.json().get("nodes", []):
                        await self._report(http, node["uuid"])

    async def _report(self, http: httpx.AsyncClient, uuid: str) -> None:
        ports = await http.get(f"/v1/nodes/{uuid}/ports", headers=VERSION)
        for port in ports.json().get("ports", []):
            if machine := self.machines.get(port["address"]):
                body = {"inventory": machine, "error": None}
                answer = await http.post("/v1/continue_inspection", json=body, headers=VERSION)
                if answer.status_code == 202:
                    self.inspected.append(port["address"])
                return


@contextlib.asynccontextmanager
async def agent(server: IronicServer, *machines: dict):
    """An agent for `machines` (`seen`), while the block runs."""
    by_mac = {machine["interfaces"][0]["mac_address"]: machine for machine in machines}
    playing = Agent(server.url, by_mac)
    task = asyncio.create_task(playing.run(), name="pretend-agent")
    try:
        yield playing
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def environment(folder: Path) -> dict[str, str]:
    # Nothing of the test run's own: no proxies, no OS_* of a shell.
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"}


@pytest.fixture(scope="session")
def ironic_template(tmp_path_factory) -> Path:
    """An empty database, made once per run; servers get copies."""
    folder = tmp_path_factory.mktemp("ironic-template")
    server = IronicServer(folder, 0)
    conf = folder / "ironic.conf"
    conf.write_text(
        CONF.format(
            folder=folder, port=6385, conductor=CONDUCTOR, auth_strategy="noauth", deploy_delay="0"
        )
    )
    done = subprocess.run(
        [BIN / "ironic-dbsync", "--config-file", conf, "create_schema"],
        env=environment(server.folder),
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        pytest.fail(f"ironic-dbsync: {done.stdout}{done.stderr[-3000:]}")
    # Whoever reads does not keep others from writing, which would be "database is locked".
    with contextlib.closing(sqlite3.connect(folder / "ironic.db")) as database:
        database.execute("PRAGMA journal_mode=wal")
    return folder


@contextlib.contextmanager
def running(template: Path, folder: Path, **options):
    shutil.copytree(template, folder)
    server = IronicServer(folder, free_port(), **options)
    server.start()
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def ironic(ironic_template, tmp_path_factory):
    folder = tmp_path_factory.mktemp("ironic-run") / "ironic"
    with running(ironic_template, folder) as server:
        yield server


@pytest.fixture
def make_ironic(ironic_template, tmp_path):
    """Start an Ironic of the test's own: ``make_ironic(deploy_delay="2")``."""
    with contextlib.ExitStack() as stack:

        def make(**options) -> IronicServer:
            folder = tmp_path / f"ironic-{len(list(tmp_path.iterdir()))}"
            return stack.enter_context(running(ironic_template, folder, **options))

        yield make

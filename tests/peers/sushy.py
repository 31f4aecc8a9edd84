"""What others wrote for Redfish: OpenStack's emulator and client, DMTF's protocol validator.

Fixture: `sushy_emulator`, an emulated BMC with one machine. `sushy` and `validate` are run against
a BMC of ours.
"""

import asyncio
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.peers.keystone import free_port
from tests.peers.table import PEERS

BIN = PEERS["bmc"].environment / "bin"
UUID = "27946b59-9e44-4fa7-8e91-f3527a1ef094"
MAC = "52:54:00:12:34:56"

CONFIG = """\
SUSHY_EMULATOR_LISTEN_IP = "127.0.0.1"
SUSHY_EMULATOR_LISTEN_PORT = {port}
SUSHY_EMULATOR_FAKE_DRIVER = True
SUSHY_EMULATOR_STATE_DIR = "{folder}"
SUSHY_EMULATOR_FAKE_SYSTEMS = [{{
    "uuid": "{uuid}", "name": "node1", "power_state": "Off", "external_notifier": False,
    "nics": [{{"mac": "{mac}", "ip": "172.22.0.100"}}],
}}]
"""

# Sets a boot device, switches on and off, and says what the client saw.
CLIENT = """\
import json, sys
import sushy
url, account, password = sys.argv[1:]
root = sushy.Sushy(url, username=account, password=password, verify=False)
[system] = root.get_system_collection().get_members()
seen = {"power": [str(system.power_state.value)], "uuid": system.uuid, "maker": system.manufacturer}
system.set_system_boot_options(sushy.BootSource.PXE, enabled=sushy.BootSourceOverrideEnabled.ONCE)
system.refresh()
seen["boot"] = [system.boot.target.value, system.boot.enabled.value]
for way in (sushy.ResetType.ON, sushy.ResetType.FORCE_OFF):
    system.reset_system(way)
    system.refresh()
    seen["power"].append(str(system.power_state.value))
root._auth.close()
print(json.dumps(seen))
"""


@dataclass
class Emulator:
    port: int
    process: subprocess.Popen


@pytest.fixture
def sushy_emulator(tmp_path: Path):
    """OpenStack's emulator with its fake driver: power takes 1 to 11 s to change."""
    port = free_port()
    config = tmp_path / "emulator.conf"
    config.write_text(CONFIG.format(port=port, folder=tmp_path, uuid=UUID, mac=MAC))
    with (tmp_path / "emulator.log").open("wb") as log:
        process = subprocess.Popen(
            [BIN / "sushy-emulator", "--config", config], stdout=log, stderr=log, cwd=tmp_path
        )
    try:
        _wait(f"http://127.0.0.1:{port}/redfish/v1/", process, tmp_path / "emulator.log")
        yield Emulator(port, process)
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait(url: str, process: subprocess.Popen, log: Path) -> None:
    for _ in range(600):
        if process.poll() is not None:
            break
        try:
            if httpx.get(url, timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    pytest.fail(f"the emulator did not start: {log.read_text()[-2000:]}")


async def _run(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *map(str, command),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        # Nothing of the test run's own: no proxies, and no CA bundle, which wins over an option.
        env={"PATH": os.environ["PATH"], "LANG": "C.UTF-8"},
    )
    said, _ = await process.communicate()
    text = said.decode()
    return text if process.returncode == 0 else f"exit code {process.returncode}\n{text}"


async def sushy(url: str, account: str, password: str) -> dict:
    """What OpenStack's client sees of a BMC while it uses it."""
    said = await _run(BIN / "python", "-W", "ignore", "-c", CLIENT, url, account, password)
    try:
        return json.loads(said.splitlines()[-1])
    except (ValueError, IndexError):
        pytest.fail(f"sushy: {said[-3000:]}")


async def validate(folder: Path, url: str, account: str, password: str) -> dict[str, list[str]]:
    """What DMTF's validator finds: requirement -> what failed of it."""
    said = await _run(
        BIN / "rf_protocol_validator",
        *("-r", url, "-u", account, "-p", password, "--no-cert-check"),
        *("--report-dir", folder, "--report-type", "tsv", "--avoid-http-redirect"),
    )
    reports = sorted(folder.glob("*.tsv"))
    if not reports:
        pytest.fail(f"rf_protocol_validator: {said[-3000:]}")
    failed: dict[str, list[str]] = {}
    for line in reports[-1].read_text().splitlines():
        cells = line.split("\t")
        if "FAIL" in cells:
            place = cells.index("FAIL")
            failed.setdefault(cells[0], []).append(" ".join(cells[1:place] + cells[place + 1 :]))
    return failed

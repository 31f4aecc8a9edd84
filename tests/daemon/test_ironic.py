"""A daemon whose nodes are those of a real Ironic, through its API; killed where it hurts."""

import asyncio
import contextlib
import io
import tarfile

import httpx
import pytest
import yaml

from bench.daemon import free_port, running
from bench.resume import ENDED, messages, shown
from tests.drivers.node.ironic.proxy import proxy, says
from tests.drivers.node.ironic.sites import IMAGES, mac_of
from tests.peers.ironic import agent, seen
from tests.tasks.helpers import names, site_text

pytestmark = [pytest.mark.process, pytest.mark.slow]


def design(count, first):
    """The small site of the tasks, as an image of a whole disk can be it."""
    nodes = {
        name: {"metadata": {"boot_mac": mac_of(number)}}
        for number, name in enumerate(names(count), first)
    }
    documents = list(yaml.safe_load_all(site_text(count, oob="redfish", **nodes)))
    for one in documents:
        data = one["data"]
        if one["metadata"]["name"] == "plain":
            data["boot_mode"] = "uefi"
            data["device_aliases"]["disk_boot"]["address"] = "0:0.0.0"
            data["device_aliases"]["nic_pxe"]["address"] = "0000:19:00.0"
        if one["metadata"]["name"] == "base":
            data["platform"] = {"image": "debian-12", "kernel": "6.1.0-1-amd64"}
            [root] = data["storage"]["physical_devices"]["disk_boot"]["partitions"]
            root["size"] = ">20g"
    return yaml.safe_dump_all(documents)


def sections(url):
    return {
        "plugins": {"oob_driver": ["fake"], "node_driver": "ironic", "kubernetes_driver": ""},
        "ironic_driver": {
            "url": url,
            "enroll": True,
            "hardware_types": {"redfish": "fake-hardware"},
            "images": IMAGES,
            "poll_seconds": 0.5,
        },
    }


class Machines:
    """The machines that Ironic deployed: each fetches its boot data, once, and reports."""

    def __init__(self, line):
        self.line = line
        self.booted = []

    async def run(self):
        async with httpx.AsyncClient(timeout=60, trust_env=False) as http:
            while True:
                # Ironic does not tell when a machine has started; machines have their own time.
                await asyncio.sleep(0.2)
                for request, _ in list(self.line.passed):
                    if request.target == "active" and request.number not in self.booted:
                        with contextlib.suppress(httpx.TransportError):
                            await self._boot(http, request.body["configdrive"])
                            self.booted.append(request.number)

    async def _boot(self, http, drive):
        config = yaml.safe_load(drive["user_data"])
        url, host, key = config["write_files"][0]["content"].split()
        headers = {"X-Bootaction-Key": key}
        for kind in ("files", "units"):
            answer = await http.get(f"{url}/bootactions/nodes/{host}/{kind}", headers=headers)
            answer.raise_for_status()
            with tarfile.open(fileobj=io.BytesIO(answer.content)) as archive:
                for member in archive:
                    _, action, secret = archive.extractfile(member).read().decode().split()
                    report = {"status": "success", "details": [{"message": "up", "error": False}]}
                    said = await http.post(
                        f"{url}/bootactions/{action}",
                        json=report,
                        headers={"X-Bootaction-Key": secret},
                    )
                    said.raise_for_status()


@contextlib.asynccontextmanager
async def site(folder, ironic, count, first):
    """A design file, a line to Ironic, and machines that boot."""
    (folder / "site.yaml").write_text(design(count, first))
    macs = [mac_of(number) for number in range(first, first + count)]
    async with proxy(ironic.url) as line, agent(ironic, *map(seen, macs)):
        line.machines = Machines(line)
        booting = asyncio.create_task(line.machines.run(), name="machines")
        try:
            yield line
        finally:
            booting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await booting


def body(folder, action):
    file = (folder / "site.yaml").as_uri()
    return {"action": action, "design_ref": file, "all_nodes": True}


async def finished(daemon, folder, action):
    task = await daemon.finished(body(folder, action))
    tree = await shown(daemon, task["task_id"], layers=-1)
    said = [text for one in tree.values() if isinstance(one, dict) for text, _ in messages(one)]
    assert task["result"]["status"] == "success", said
    steps = {one.get("action") for one in tree.values() if isinstance(one, dict)}
    assert not steps & {"set_node_boot", "power_cycle_node"}
    return said


async def test_nodes_are_prepared_deployed_and_destroyed_and_no_bmc_is_switched(tmp_path, ironic):
    async with (
        site(tmp_path, ironic, 3, 101) as line,
        running(tmp_path, **sections(line.url)) as daemon,
    ):
        await finished(daemon, tmp_path, "verify_site")
        said = await finished(daemon, tmp_path, "prepare_nodes")
        assert any("Ironic inspects it" in text for text in said)
        await finished(daemon, tmp_path, "deploy_nodes")
        assert len(line.machines.booted) == line.told("active") == 3
        node = ironic.node("n1")
        assert node["provision_state"] == "active"
        assert node["instance_info"]["root_device"] == {"serial": f"S-a-{mac_of(101)[-2:]}"}
        assert node["extra"]["drydock"]["boot_mode"] == "uefi"
        # Once more: what is deployed is left as it is.
        await finished(daemon, tmp_path, "deploy_nodes")
        assert line.told("active") == 3
        async with daemon.client() as client:
            rows = (await client.get("/nodes")).raise_for_status().json()
        ours = {row["hostname"]: row for row in rows if row["hostname"] in names(3)}
        assert {row["status_name"] for row in ours.values()} == {"Deployed"}
        await finished(daemon, tmp_path, "destroy_nodes")
        assert line.told("deleted") == 3
    found = {node["name"] for node in ironic.request("GET", "/v1/nodes").json()["nodes"]}
    assert not found & set(names(3))
    log = (tmp_path / "daemon.log").read_text()
    for request, _ in line.passed:
        if request.target == "active":
            key = yaml.safe_load(request.body["configdrive"]["user_data"])["write_files"][0]
            assert key["content"].split()[2] not in log


async def test_a_daemon_killed_between_active_and_its_end_joins_and_deploys_nothing_again(
    tmp_path, ironic
):
    port, is_told = free_port(), asyncio.Event()

    def rule(request):
        if is_told.is_set():
            return says(503, "away while the daemon dies")
        if request.target == "active":
            is_told.set()
            return "lost"
        return None

    async with site(tmp_path, ironic, 1, 121) as line:
        options = sections(line.url)
        async with running(tmp_path, port=port, **options) as daemon:
            await finished(daemon, tmp_path, "prepare_nodes")
            line.rule = rule
            async with daemon.client() as client:
                made = await client.post("/tasks", json=body(tmp_path, "deploy_nodes"))
                task_id = made.raise_for_status().json()["task_id"]
            async with asyncio.timeout(120):
                await is_told.wait()
            daemon.process.kill()
            await asyncio.to_thread(daemon.process.wait)
        line.rule = lambda request: None
        async with running(tmp_path, port=port, **options) as daemon:
            while (task := await shown(daemon, task_id, wait=30))["status"] not in ENDED:
                pass
            assert task["result"]["status"] == "success", task["result"]
            assert line.told("active") == 1
            await finished(daemon, tmp_path, "destroy_nodes")


async def test_a_design_that_an_image_cannot_be_is_refused_before_anything_is_wiped(
    tmp_path, ironic
):
    async with (
        site(tmp_path, ironic, 1, 131) as line,
        running(tmp_path, **sections(line.url)) as daemon,
    ):
        file = tmp_path / "site.yaml"
        file.write_text(file.read_text().replace("'>20g'", "30g"))
        task = await daemon.finished(body(tmp_path, "prepare_nodes"))
        tree = await shown(daemon, task["task_id"], layers=-1)
        assert task["result"]["status"] == "failure"
        said = [text for one in tree.values() if isinstance(one, dict) for text, _ in messages(one)]
        assert any("disk_boot.partitions.root.size: 30g" in text for text in said), said
        assert not [request for request, _ in line.passed if request.is_write]

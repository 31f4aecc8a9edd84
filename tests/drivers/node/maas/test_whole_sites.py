"""Whole sites through the API: prepared, deployed and destroyed in a simulated MAAS."""

import asyncio
import io
import tarfile

import pytest
import yaml

from tests.designs import on_designs
from tests.drivers.node.maas.apparatus import a_site, place
from tests.handlers.helpers import V1, daemon
from tests.peers.maas.machines import add_rack
from tests.peers.maas.site import add_resource, add_subnet, add_vlan
from tests.sites.folder import on_site_files

pytestmark = pytest.mark.slow
SITES = on_site_files("seaworthy", "intel-pod15")
KEY_MARK = "__baid__"
NO_BMC = "tests.drivers.node.maas.making:NoBmc"


def enlisted(maas, site):
    """Machines as MAAS finds them: powered on, named by chance, never commissioned."""
    for number, node in enumerate(site.nodes.values()):
        firmware = "uefi" if number % 2 else "bios"
        handle, _ = place(maas, site, node, firmware=firmware)
        machine = maas.machines[handle.id]
        machine.hostname, machine.status_name = f"swift-fox-{number}", "New"
        machine.power_parameters["power_address"] = node.oob_address
        if node.boot_mac:
            _is_booted_by(machine, node.boot_mac)
    for image, kernel in {(n.image, n.kernel) for n in site.nodes.values()}:
        add_resource(maas, f"ubuntu/{image}", f"amd64/{kernel}")


def _is_booted_by(machine, mac):
    """The design names the NIC that the machine boots from."""
    nic = next(iter(machine.interfaces.values()))
    machine.lshw = machine.lshw.replace(nic["mac_address"].encode(), mac.encode())
    nic["mac_address"] = machine.boot_mac = mac.lower()


def wired(maas, site):
    """The rack controllers' own networks: those that the design gives DHCP on."""
    for number, link in enumerate(site.network_links.values(), 10):
        for name in link.allowed_networks:
            network = site.networks[name]
            if not any(one.type == "dhcp" for one in network.ranges):
                continue
            if number not in maas.fabrics:
                maas.fabrics[number] = {"name": f"fabric-{number}"}
                add_vlan(maas, number, 0, "untagged")
            vid = int(network.vlan_id or 0)
            vlan = next(
                (
                    key
                    for key, kept in maas.vlans.items()
                    if (kept["fabric_id"], kept["vid"]) == (number, vid)
                ),
                None,
            ) or add_vlan(maas, number, vid, f"vlan-{vid}")
            add_subnet(maas, network.cidr, vlan)
            for target in filter(None, {network.dhcp_relay_upstream_target, "0.0.0.0"}):
                count = len(maas.racks)
                add_rack(maas, f"rack{count}", f"52:54:ff:00:00:{count:02x}", vlan, target)


class Site:
    """A daemon that has MAAS, and the design."""

    def __init__(self, drydock, ref):
        self.drydock, self.ref = drydock, ref

    async def run(self, action, **more):
        task = await self.drydock.post(
            f"{V1}/tasks", {"action": action, "design_ref": self.ref, **more}
        )
        assert task.status_code == 201, task.text
        ended = await self.drydock.ended(task.json()["task_id"], 120)
        messages = ended["result"]["details"]["messageList"]
        errors = [message["message"] for message in messages if message["error"]]
        assert ended["result"]["status"] == "success", errors
        return ended


@pytest.fixture(params=[*on_designs("example-site"), *SITES])
async def whole(request, maas, tmp_path):
    """The site with its MAAS, up to the design."""
    content = request.param.read_text()
    documents = [entry for entry in yaml.safe_load_all(content) if entry]
    # Their sources are hosts of the real site.
    kept = [d for d in documents if not _fetches(d)]
    design = tmp_path / "site.yaml"
    design.write_text(yaml.safe_dump_all(kept))
    site = a_site(design)
    enlisted(maas, site)
    wired(maas, site)
    sections = {
        "plugins": {"node_driver": "maas", "oob_driver": (NO_BMC,)},
        "maasdriver": {
            "maas_api_url": maas.url,
            "maas_api_key": maas.api_key,
            "poll_interval": 0.01,
        },
    }
    async with daemon(tmp_path, **sections) as drydock:
        yield Site(drydock, design.as_uri()), site


def _fetches(document):
    if not str(document.get("schema", "")).startswith("drydock/BootAction"):
        return False
    return any(asset.get("location") for asset in document["data"]["assets"])


async def test_a_site_is_prepared_deployed_and_destroyed(maas, whole, caplog):
    run, site = whole
    await run.run("verify_site")
    await run.run("prepare_site")
    await run.run("prepare_nodes")
    by_name = {machine.hostname: machine for machine in maas.machines.values()}
    assert set(by_name) == set(site.nodes)
    for node in site.nodes.values():
        machine = by_name[node.name]
        assert machine.status_name == "Ready"
        assert machine.domain == site.domain_of(node)
    nodes = asyncio.create_task(_nodes(maas, run.drydock))
    try:
        await run.run("deploy_nodes")
    finally:
        nodes.cancel()
    for node in site.nodes.values():
        machine = by_name[node.name]
        assert machine.status_name == "Deployed"
        assert machine.distro_series == node.image
        assert machine.hwe_kernel == node.kernel
        assert set(node.tags) <= machine.tag_names
        has_key = any(KEY_MARK in tag for tag in machine.tag_names)
        assert has_key == bool(site.bootactions_of(node.name))
        wanted = {key.replace("/", "."): value for key, value in node.owner_data.items() if value}
        assert wanted.items() <= machine.annotations.items()
    acts = ("allocate", "commission", "deploy", "release", "erase")
    for sid in maas.machines:
        assert [maas.done[act, sid] for act in acts] == [1, 1, 1, 0, 0]
    listed = (await run.drydock.get(f"{V1}/nodes")).json()
    assert {row["hostname"] for row in listed} == set(site.nodes)
    await run.run("destroy_nodes", all_nodes=True)
    assert maas.machines == {}
    assert not any(KEY_MARK in tag for tag in maas.tags)
    told = caplog.text + (await run.drydock.get(f"{V1}/tasks")).text
    assert not [secret for secret in maas.secrets() if secret in told]


async def _nodes(maas, drydock):
    """What MAAS' curtin template and the boot actions do on each machine, once it is deployed."""
    reported = set()
    services = drydock.app.services
    while True:
        await asyncio.sleep(0.02)
        for machine in list(maas.machines.values()):
            tag = next((tag for tag in machine.tag_names if KEY_MARK in tag), None)
            if tag is None or machine.status_name != "Deployed" or machine.hostname in reported:
                continue
            reported.add(machine.hostname)
            key = {"X-Bootaction-Key": tag.split(KEY_MARK)[1]}
            for kind in ("units", "files"):
                path = f"{V1}/bootactions/nodes/{machine.hostname}/{kind}"
                got = await drydock.http.get(path, headers=key)
                assert got.status_code == 200, got.text
                with tarfile.open(fileobj=io.BytesIO(got.content)) as archive:
                    archive.getnames()
            context = services.tasks.deployments.current(machine.hostname)
            rows = services.store.boot_actions(machine.hostname)
            for name, grant in services.tasks.deployments.grants(context, rows).items():
                await drydock.http.post(
                    f"{V1}/bootaction/{grant.action_id}",
                    headers={"X-Bootaction-Key": grant.action_key},
                    json={"status": "success", "details": [{"message": name, "error": False}]},
                )

"""The whole life of a machine, over the listener, with a pretend agent."""

import asyncio
import hashlib
from dataclasses import replace
from functools import partial

import pytest
import yaml

from drydockd.drivers.base import Surroundings
from drydockd.drivers.node.netboot.addresses import OwnAddresses
from drydockd.drivers.node.netboot.options import NetbootOptions
from drydockd.drivers.node.netboot.provisioner import NetbootProvisioner
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
    NodeUnknown,
)
from drydockd.machines import NodeState, PowerState
from drydockd.plans import (
    AddressPlan,
    BootDelivery,
    DeploySpec,
    DeviceName,
    DiskPlan,
    FilesystemPlan,
    InterfacePlan,
    NetworkPlan,
    PartitionPlan,
    PlatformPlan,
    StoragePlan,
)
from drydockd.site import HardwareProfile, Repository
from drydockd.store import open_store
from drydockd.store.shelf import StoreShelf
from tests.design.rules.helpers import a_node
from tests.drivers.node.netboot.noted import Noted
from tests.drivers.node.netboot.pretend import PretendMachine, bearer
from tests.room.helpers import Voice

MAC = "52:54:00:00:00:01"
GIB = 2**30
NODE = a_node("n1", boot_mac=MAC)
NETWORK = NetworkPlan(
    (
        InterfacePlan(
            "ens3", "pxe", (DeviceName("ens3", mac=MAC),), None, 1500, "pxe",
            AddressPlan("static", "10.0.0.7/24"),
        ),
    ),
    (),
    ("10.0.0.53",),
    "lab",
)  # fmt: skip
ROOT = PartitionPlan("root", 8 * GIB, filesystem=FilesystemPlan("ext4", "/", "defaults"))
STORAGE = StoragePlan(
    (DiskPlan(DeviceName("vda", serial="D-1"), 20 * GIB, (ROOT,)),), root=("vda", "root")
)
PLATFORM = PlatformPlan("debian-12", None, "quiet", "n1_kp")
SPEC = DeploySpec(
    "d1", "debian-12", None, "lab", boot=BootDelivery("k" * 64, "http://api/bootdata", "n1")
)
CONTENT = {"kernel": b"a kernel" * 99, "initrd": b"an initrd" * 99, "image": b"an image" * 9999}
SHA = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


@pytest.fixture
def catalogue(tmp_path):
    folder = tmp_path / "images"
    (folder / "blobs").mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / "blobs" / SHA[name]).write_bytes(content)
    entries = [
        {
            "name": "agent", "kind": "agent",
            "kernel": {"sha256": SHA["kernel"], "bytes": len(CONTENT["kernel"])},
            "initrd": {"sha256": SHA["initrd"], "bytes": len(CONTENT["initrd"])},
        },
        {
            "name": "debian-12", "kind": "squashfs", "sha256": SHA["image"],
            "bytes": len(CONTENT["image"]), "unpacked_bytes": GIB, "kernels": ["6.1.0-1-amd64"],
        },
    ]  # fmt: skip
    for entry in entries:
        (folder / f"{entry['name']}.yaml").write_text(yaml.safe_dump(entry))
    return folder


class Bench:
    """A provisioner on a store that lasts, and the machine it drives."""

    def __init__(self, folder, catalogue, **options):
        self.folder, self.catalogue, self.options = folder, catalogue, options
        self.machine = PretendMachine()
        self.voice = Voice()
        self.driver = None

    async def start(self):
        self.store = await open_store("tiny", self.folder / "state")
        options = NetbootOptions(
            base_url="http://127.0.0.1:1", listen="127.0.0.1:0", images=self.catalogue, dhcp="none",
            **self.options,
        )  # fmt: skip
        self.driver = NetbootProvisioner(options)
        self.driver._limits = replace(self.driver._limits, look=0.02)
        shelf = StoreShelf(self.store, "netboot")
        await self.driver.start(Surroundings(shelf, b"s" * 32, lambda node: self.machine))
        await self.driver.lead()
        url = f"http://127.0.0.1:{self.driver.port}"
        self.driver.boots.terms.base_url = url
        self.driver._options = options.model_copy(update={"base_url": url})
        self.machine.base_url = url
        return self.driver

    async def stop(self):
        await self.driver.close()
        await self.store.close()

    async def restart(self):
        await self.stop()
        return await self.start()

    async def found(self, node=NODE):
        """Netboot the node as prepare_nodes does, until it is found and adopted."""
        with pytest.raises(NodeUnknown):
            await self.driver.find(node)
        self.machine.boot = "network"
        await self.machine.power_on(node, self.voice)
        await self.machine._task
        return await self.driver.adopt(await self.driver.find(node), node)

    async def ready(self):
        handle = await self.driver.commission(await self.found(), self.voice)
        await self.driver.apply_network(handle, NETWORK)
        await self.driver.apply_storage(handle, STORAGE)
        await self.driver.apply_platform(handle, PLATFORM)
        return handle

    async def state(self):
        return (await self.driver.find(NODE)).state


@pytest.fixture
async def bench(tmp_path, catalogue):
    bench = Bench(tmp_path, catalogue, first_boot_seconds=5, hello_seconds=5)
    await bench.start()
    yield bench
    await bench.machine.close()
    await bench.stop()


async def test_a_machine_goes_from_unknown_to_deployed_and_is_forgotten(bench):
    handle = await bench.ready()
    assert handle.state is NodeState.READY
    handle = await bench.driver.deploy(handle, SPEC, bench.voice)
    assert handle.state is NodeState.DEPLOYED
    assert handle.deployment_id == "d1"
    assert bench.machine.boot == "disk"
    await bench.driver.destroy(NODE, bench.voice)
    assert bench.machine.said[-2]["do"] == "wipe"
    assert bench.machine.power is PowerState.OFF
    with pytest.raises(NodeUnknown):
        await bench.driver.find(NODE)
    assert list(bench.store.driver_records("netboot")) == []


async def test_images_are_offered_with_their_kernels_and_ga_for_the_newest(bench):
    catalogue = await bench.driver.catalogue()
    assert catalogue.images == {"debian-12": ("6.1.0-1-amd64", "ga-*")}
    assert catalogue.has_kernel("debian-12", "ga-12")
    assert not catalogue.has_kernel("debian-12", "hwe-12")


async def test_the_plan_the_agent_gets_is_the_designs_to_the_byte(bench):
    await bench.driver.apply_repositories(
        [Repository("debian", "http://mirror", "apt", distributions=("bookworm",))],
        remove_unlisted=True,
    )
    await bench.driver.deploy(await bench.ready(), SPEC, bench.voice)
    plan = bench.machine.plan
    assert plan["image"] == {
        "sha256": SHA["image"], "size_bytes": len(CONTENT["image"]), "kind": "squashfs",
    }  # fmt: skip
    assert plan["nics"] == [MAC]
    assert plan["boot"]["key"] == "k" * 64
    paths = {file["path"] for file in plan["files"]}
    assert {
        "/etc/fstab",
        "/etc/hostname",
        "/etc/systemd/network/10-drydock-ens3.network",
        "/etc/apt/sources.list.d/drydock-debian.list",
        "/etc/drydock/first-boot",
    } <= paths
    assert plan["kernel_params"] == "quiet"


@pytest.mark.parametrize("boot_mode", ["uefi", "bios", None])
async def test_the_agent_is_told_the_boot_mode_that_the_hardware_profile_wants(bench, boot_mode):
    handle = await bench.ready()
    await bench.driver.find(replace(NODE, hardware=HardwareProfile("hw", boot_mode=boot_mode)))
    await bench.driver.deploy(handle, SPEC, bench.voice)
    assert bench.machine.plan["firmware"] == boot_mode


async def test_nothing_secret_is_ever_stored(bench):
    await bench.driver.deploy(await bench.ready(), SPEC, bench.voice)
    await bench.stop()
    kept = b"".join(p.read_bytes() for p in (bench.folder / "state").rglob("*") if p.is_file())
    (secret,) = (f for f in bench.machine.plan["files"] if f["path"] == "/etc/drydock/first-boot")
    for word in ["k" * 64, secret["text"].split()[1], *tokens_of(bench.machine)]:
        assert word.encode() not in kept
    await bench.start()


def tokens_of(machine):
    return [part[14:] for text in machine.scripts for part in text.split() if "token=" in part]


async def test_a_restart_in_the_middle_of_an_installation_goes_on_with_it(bench):
    handle = await bench.ready()
    stopped = asyncio.Event()
    agent = bench.machine.agent

    async def hangs(http, token):
        stopped.set()
        await asyncio.Event().wait()

    bench.machine.agent = hangs
    first = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await stopped.wait()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    port_of_old = bench.machine.base_url
    await bench.restart()
    assert bench.machine.base_url != port_of_old
    bench.machine.agent = agent
    cuts = bench.machine.cuts
    handle = await bench.driver.find(NODE)
    assert handle.state is NodeState.DEPLOYING
    deployment = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    # The agent's kernel panicked meanwhile: the machine boots from the network again by itself.
    await bench.machine._stop()
    bench.machine._task = asyncio.create_task(bench.machine.netboot())
    assert (await deployment).state is NodeState.DEPLOYED
    assert bench.machine.cuts == cuts


async def test_another_deployment_is_not_joined(bench):
    handle = await bench.ready()
    bench.machine.reports = False
    deployment = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await bench.driver.machines.changed(MAC, bench.driver.machines.get(MAC), 5)
    with pytest.raises(DriverConflict, match="deployment d1 is under way"):
        await bench.driver.deploy(handle, replace(SPEC, deployment_id="d2"), bench.voice)
    deployment.cancel()
    await asyncio.gather(deployment, return_exceptions=True)


async def test_an_agents_failure_is_told_with_its_log_kept(bench):
    handle = await bench.ready()
    bench.machine.fails = "no disk with serial D-1"
    with pytest.raises(DriverTransient, match="deployment failed: no disk with serial D-1"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    assert await bench.state() is NodeState.FAILED_DEPLOY
    (log,) = await bench.driver.logs(handle, "deploy")
    assert log.text == "all done\n"
    bench.machine.fails = None
    handle = await bench.driver.deploy(handle, replace(SPEC, deployment_id="d2"), bench.voice)
    assert handle.state is NodeState.DEPLOYED


@pytest.mark.parametrize("is_final", [False, True])
async def test_what_would_fail_again_is_not_worth_another_try(bench, is_final):
    handle = await bench.ready()
    bench.machine.fails, bench.machine.is_final = "WrongImage: other bytes", is_final
    with pytest.raises(DriverPersistent if is_final else DriverTransient, match="other bytes"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    found = await bench.driver.find(NODE)
    assert found.final_failure == ("WrongImage: other bytes" if is_final else None)
    # An operator's own new deployment is another matter.
    bench.machine.fails = None
    handle = await bench.driver.deploy(handle, replace(SPEC, deployment_id="d2"), bench.voice)
    assert (handle.state, handle.final_failure) == (NodeState.DEPLOYED, None)


@pytest.mark.parametrize("damage", ["gone", "other bytes", "shorter"])
async def test_an_image_that_is_not_sound_starts_no_machine(bench, damage):
    handle = await bench.ready()
    blob, starts = bench.catalogue / "blobs" / SHA["image"], len(bench.machine.scripts)
    content = blob.read_bytes()
    blob.unlink()
    if damage != "gone":
        blob.write_bytes(content[:-1] + (b"" if damage == "shorter" else b"!"))
    words = "has no content" if damage == "gone" else "its content is damaged"
    with pytest.raises(DriverPersistent, match=f"image debian-12: .*{words}"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    assert (len(bench.machine.scripts), await bench.state()) == (starts, NodeState.READY)
    blob.write_bytes(content)
    assert (await bench.driver.deploy(handle, SPEC, bench.voice)).state is NodeState.DEPLOYED


async def test_a_failed_inspection_ends_the_commissioning_with_the_agents_words(bench):
    handle = await bench.found()
    bench.machine.fails = "ToolFailed: lshw ended with status 127"
    with pytest.raises(DriverTransient, match="commissioning failed: ToolFailed: lshw ended"):
        await bench.driver.commission(handle, bench.voice)
    assert await bench.state() is NodeState.FAILED_COMMISSION
    (log,) = await bench.driver.logs(handle, "commission")
    assert log.text == "all done\n"
    bench.machine.fails = None
    assert (await bench.driver.commission(handle, bench.voice)).state is NodeState.READY


async def test_nobody_is_deployed_who_did_not_report_from_disk(tmp_path, catalogue):
    bench = Bench(tmp_path, catalogue, first_boot_seconds=0.2)
    await bench.start()
    handle = await bench.ready()
    bench.machine.reports = False
    with pytest.raises(DriverPersistent, match=r"did not report from disk within 0\.2 s"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    await bench.machine.close()
    await bench.stop()


async def test_a_machine_that_never_starts_from_the_network_says_what_to_look_at(
    tmp_path, catalogue
):
    bench = Bench(tmp_path, catalogue)
    await bench.start()
    handle = await bench.ready()
    # Not before: the inspection on a busy host takes longer.
    bench.driver._limits = replace(bench.driver._limits, hello=0.2)

    async def nothing():
        await asyncio.Event().wait()

    bench.machine.netboot = nothing
    with pytest.raises(DriverTransient, match=r"no agent said hello within 0.2 s .* on the NIC"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    await bench.machine.close()
    await bench.stop()


async def test_what_the_design_asks_and_netboot_cannot_is_refused_before_anything_starts(bench):
    handle = await bench.ready()
    scripts = len(bench.machine.scripts)
    with pytest.raises(DriverUnsupported, match=r"platform.image trusty: .* it has debian-12"):
        await bench.driver.apply_platform(handle, replace(PLATFORM, image="trusty"))
    small = replace(ROOT, size_bytes=GIB)
    disk = replace(STORAGE.disks[0], partitions=(small,))
    await bench.driver.apply_storage(handle, replace(STORAGE, disks=(disk,)))
    with pytest.raises(DriverUnsupported, match=r"vda/root is mounted at / and has 1024 MiB"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    assert await bench.state() is NodeState.READY
    assert len(bench.machine.scripts) == scripts


async def test_a_machine_of_another_serial_is_not_installed(bench):
    handle = await bench.ready()
    bench.machine.uuid = "u-2"
    with pytest.raises(DriverPersistent, match="has UUID u-2, not u-1"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    assert not [command for command in bench.machine.said if command["do"] == "install"]


async def test_the_image_is_only_for_whose_plan_names_it_and_resumes(bench):
    handle = await bench.ready()
    asked = asyncio.Event()
    answers = []

    async def fetches(http, token):
        hello = {"nonce": "a" * 32, "mac": MAC, "macs": [MAC], "uuid": "u-1"}
        answer = await http.post("/boot/hello", json=hello, headers=bearer(token))
        headers = bearer(answer.json()["session"])
        await http.get("/boot/command", params={"wait": 5}, headers=headers)
        path = f"/boot/image/{SHA['image']}"
        answers.append(await http.get(path, headers=headers))
        answers.append(await http.get(path, headers=headers | {"Range": "bytes=100-"}))
        answers.append(await http.get(path))
        answers.append(await http.get(f"/boot/image/{SHA['initrd']}", headers=headers))
        asked.set()

    bench.machine.agent = fetches
    deployment = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await asked.wait()
    assert answers[0].content == CONTENT["image"]
    assert answers[1].status_code == 206
    assert answers[1].content == CONTENT["image"][100:]
    assert [answer.status_code for answer in answers[2:]] == [401, 403]
    deployment.cancel()
    await asyncio.gather(deployment, return_exceptions=True)


async def test_files_of_the_agent_are_public_and_nothing_else(bench):
    async with bench.machine.http() as http:
        got = await http.get(f"/boot/files/{SHA['kernel']}/vmlinuz")
        assert got.content == CONTENT["kernel"]
        head = await http.head(f"/boot/files/{SHA['initrd']}/initrd")
        assert head.headers["Content-Length"] == str(len(CONTENT["initrd"]))
        assert (await http.get(f"/boot/files/{SHA['image']}/x")).status_code == 404
        assert (await http.get("/api/v1.0/tasks")).status_code == 404


async def test_a_second_machine_with_the_same_mac_ends_the_deployment(bench):
    handle = await bench.ready()
    twin = asyncio.Event()

    async def slow(http, token):
        for nonce in ("a" * 32, "b" * 32):
            hello = {"nonce": nonce, "mac": MAC, "macs": [MAC], "uuid": "u-1"}
            answer = await http.post("/boot/hello", json=hello, headers=bearer(token))
        assert answer.status_code == 409
        twin.set()

    bench.machine.agent = slow
    with pytest.raises(DriverPersistent, match="two machines claim to be n1"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    await asyncio.wait_for(twin.wait(), 10)


async def test_a_lost_answer_to_hello_is_given_again(bench):
    handle = await bench.ready()
    seen = []
    agent = bench.machine.agent

    async def twice(http, token):
        hello = {"nonce": "a" * 32, "mac": MAC, "macs": [MAC], "uuid": "u-1"}
        seen.append((await http.post("/boot/hello", json=hello, headers=bearer(token))).json())
        seen.append((await http.post("/boot/hello", json=hello, headers=bearer(token))).json())
        await agent(http, token)

    bench.machine.agent = twice
    await bench.driver.deploy(handle, SPEC, bench.voice)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("state", ["unknown", "ready", "deployed"])
async def test_whom_no_task_expects_boots_from_its_own_disk(bench, state):
    if state == "ready":
        await bench.ready()
    if state == "deployed":
        await bench.driver.deploy(await bench.ready(), SPEC, bench.voice)
    async with bench.machine.http() as http:
        assert await bench.machine.script(http) == "#!ipxe\nexit 1\n"
        odd = await http.get("/boot/ipxe", params={"mac": "; rm -rf /"})
        assert (odd.status_code, odd.text) == (200, "#!ipxe\nexit 1\n")


async def test_a_machine_nobody_waits_for_leaves_no_record(bench):
    async with bench.machine.http() as http:
        sent = await http.post("/boot/inventory", json=bench.machine.report())
    assert sent.status_code == 403
    assert list(bench.driver.machines) == []


async def test_bad_bodies_say_which_field(bench):
    async with bench.machine.http() as http:
        sent = await http.post("/boot/hello", json={"mac": MAC}, headers=bearer("x"))
        assert sent.status_code == 400
        assert "nonce" in sent.json()["message"]
        big = await http.post("/boot/hello", content=b"x" * 70_000, headers=bearer("x"))
        assert big.status_code == 413


async def test_the_documents_of_an_unadopted_machine_are_told_by_its_name(bench):
    driver = bench.driver
    driver.boots.strangers.await_mac(MAC)
    async with bench.machine.http() as http:
        await bench.machine.agent(http, None)

    [document] = await driver.discovered("mac-525400000001")
    assert (document.generator, MAC in document.text) == ("lshw", True)
    assert await driver.discovered("n1") == ()
    await driver.adopt(await driver.find(NODE), NODE)
    assert await driver.discovered("mac-525400000001") == ()


async def test_a_daemon_that_does_not_lead_tells_what_the_records_do_and_listens_nowhere(bench):
    follower = NetbootProvisioner(bench.driver._options)
    shelf = StoreShelf(bench.store, "netboot")
    await follower.start(Surroundings(shelf, b"s" * 32, lambda node: bench.machine))
    assert await follower.list_nodes() == []
    await bench.ready()

    mine, its = await bench.driver.list_nodes(), await follower.list_nodes()
    assert its == mine != []
    assert follower.port == 0
    said = [note.text for note in await follower.check() if not note.error]
    assert "the daemon that runs the tasks serves the boot network" in said
    with pytest.raises(DriverTransient, match="not started yet"):
        _ = follower.boots
    await follower.close()


async def test_a_daemon_that_takes_the_lead_reserves_the_addresses_of_known_machines(bench):
    await bench.ready()
    reserved = partial(replace, address="10.20.0.7")
    await bench.driver.machines.change(MAC, reserved)
    follower = NetbootProvisioner(bench.driver._options)
    follower._addresses = OwnAddresses(Noted(), gives_addresses=True)
    shelf = StoreShelf(bench.store, "netboot")
    await follower.start(Surroundings(shelf, b"s" * 32, lambda node: bench.machine))
    assert follower._addresses._dnsmasq.reserved == []
    await follower.lead()
    assert follower._addresses._dnsmasq.reserved == [(MAC, "10.20.0.7", "n1")]
    await follower.close()

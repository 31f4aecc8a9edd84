"""The whole life of nodes with a real Ironic, and whose nodes are never touched."""

import asyncio
import contextlib
from dataclasses import replace

import pytest

from drydockd.drivers.node.ironic.nodes import instance_of
from drydockd.drivers.node.ironic.provisioner import IronicProvisioner
from drydockd.errors import DriverConflict, DriverTransient, InvalidInput, NodeUnknown
from drydockd.machines import NodeState
from drydockd.plans import DeviceName
from drydockd.site import HardwareProfile, Network, Repository
from tests.drivers.node.ironic.pretend import PretendIronic
from tests.drivers.node.ironic.proxy import proxy, says
from tests.drivers.node.ironic.sites import (
    KERNEL,
    PLATFORM,
    a_node,
    a_spec,
    mac_of,
    network_plan,
    options,
    storage_plan,
    way,
)
from tests.peers.ironic import agent, seen
from tests.peers.keystone import free_port


@pytest.mark.slow
async def test_twenty_nodes_go_all_the_way(ironic):
    nodes = [a_node(f"life-{number}", number) for number in range(1, 21)]
    at_once = asyncio.Semaphore(4)
    async with way(ironic.url) as site, agent(ironic, *(seen(n.boot_mac) for n in nodes)) as played:

        async def life(number, node):
            async with at_once:
                handle = await site.prepare(node)
                assert handle.state is NodeState.READY
                handle = await site.deploy(node, f"d{number}")
                assert (handle.state, handle.deployment_id) == (NodeState.DEPLOYED, f"d{number}")
                return handle

        async def ended(node):
            async with at_once:
                await site.destroy(node)

        async with asyncio.TaskGroup() as group:
            for number, node in enumerate(nodes):
                group.create_task(life(number, node))
        rows = {row.hostname: row for row in await site.provisioner.list_nodes()}
        assert {rows[node.name].boot_mac for node in nodes} == {n.boot_mac for n in nodes}
        assert {rows[node.name].status_name for node in nodes} == {"Deployed"}
        assert sorted(played.inspected) == sorted(node.boot_mac for node in nodes)
        async with asyncio.TaskGroup() as group:
            for node in nodes:
                group.create_task(ended(node))
        for node in nodes:
            with pytest.raises(NodeUnknown):
                await site.provisioner.find(node)


@contextlib.asynccontextmanager
async def over(ironic, **more):
    async with proxy(rule=ironic) as line, way(line.url, poll_seconds=0.01, **more) as site:
        site.line = line
        yield site


async def test_a_check_tells_what_is_spoken_who_is_alive_and_what_is_missing():
    ironic = PretendIronic()
    async with over(ironic) as site:
        notes = await site.provisioner.check()
        assert [note.text for note in notes] == [
            "Ironic answers; API 1.87 is spoken",
            "conductors alive: c1",
        ]
        ironic.conductors[0]["alive"] = False
        ironic.drivers = [{"name": "ipmi", "hosts": []}]
        _, dead, missing = await site.provisioner.check()
    assert dead.error
    assert missing.error
    assert missing.text.startswith("no conductor offers fake-hardware (there are: ipmi)")


async def test_an_ironic_that_is_away_fails_the_check_and_nothing_else():
    async with way(f"http://127.0.0.1:{free_port()}", request_seconds=0.2) as site:
        [note] = await site.provisioner.check()
    assert note.error
    assert "no connection" in note.text


async def test_what_ironic_does_not_do_for_a_site_is_said():
    async with over(PretendIronic()) as site:
        [network] = await site.provisioner.apply_site_network({}, {"pxe": Network("pxe", "10/8")})
        assert (network.context, network.error) == ("pxe", False)
        [repository] = await site.provisioner.apply_repositories(
            [Repository("main", "http://deb", "apt")], remove_unlisted=True
        )
        assert repository.text == "repository main: not done by Ironic"
        [keys] = await site.provisioner.apply_keys(["a", "b"])
        assert keys.text.startswith("2 authorized keys")
        assert (await site.provisioner.catalogue()).has_kernel("debian-12", KERNEL)
        capabilities = await site.provisioner.capabilities()
    assert "vlan" in capabilities
    assert not {"lvm.root", "sriov", "fs.uuid", "part.uuid", "repo.apt"} & capabilities


async def test_a_node_that_is_another_machine_is_not_adopted():
    async with over(PretendIronic("manageable")) as site:
        node = a_node(boot_mac="52:54:00:00:00:77")
        handle = await site.provisioner.find(node)
        with pytest.raises(DriverConflict, match="its boot_mac is 52:54:00:00:00:77, Ironic's"):
            await site.provisioner.adopt(handle, node)
        assert not any(request.is_write for request in site.line.seen)


async def test_a_node_found_by_its_mac_gets_its_name_and_our_mark():
    ironic = PretendIronic("manageable", name="rack1-u7")
    async with over(ironic) as site:
        node = a_node(hardware=HardwareProfile("p", boot_mode="uefi"))
        handle = await site.provisioner.find(node)
        assert handle.name == "rack1-u7"
        handle = await site.provisioner.adopt(handle, node)
        assert (handle.name, handle.state) == ("n1", NodeState.NEW)
        written = [request for request in site.line.seen if request.is_write]
        await site.provisioner.adopt(handle, node)
        assert [request for request in site.line.seen if request.is_write] == written
    assert ironic.node["extra"]["drydock"] == {"name": "n1", "boot_mode": "uefi"}


async def test_an_enrolment_whose_answer_was_lost_is_gone_on_with():
    ironic = PretendIronic("enroll", extra={"drydock": {"enrolled": True}})
    ironic.ports = []

    def rule(request):
        if request.method == "POST" and request.path == "/v1/nodes":
            return says(409, "A node with name n1 already exists.")
        return ironic(request)

    async with over(rule) as site:
        handle = await site.provisioner.adopt(None, a_node())
    assert handle.state is NodeState.NEW
    assert [port["address"] for port in ironic.ports] == ["52:54:00:00:00:01"]


async def test_where_nothing_is_enrolled_an_unknown_node_stays_unknown():
    ironic = PretendIronic()
    ironic.node, ironic.ports = None, []
    async with over(ironic, enroll=False) as site:
        with pytest.raises(NodeUnknown, match="enroll is off"):
            await site.provisioner.adopt(None, a_node())
        with pytest.raises(NodeUnknown):
            await site.provisioner.find(a_node(boot_mac=None))


async def test_plans_are_kept_with_the_node_and_written_once():
    ironic = PretendIronic("available")
    async with over(ironic) as site:
        handle = await site.provisioner.find(a_node())
        for _ in range(2):
            await site.provisioner.apply_network(handle, network_plan(mac_of(1)))
            await site.provisioner.apply_storage(handle, storage_plan())
            await site.provisioner.apply_platform(handle, PLATFORM)
        changes = [request.path for request in site.line.seen if request.is_write]
    mark = ironic.node["extra"]["drydock"]
    assert mark["network"]["links"][0]["ethernet_mac_address"] == mac_of(1)
    assert (mark["root_device"], mark["root_gb"]) == ({"serial": "S-a"}, 100)
    assert ironic.traits == {"CUSTOM_CONTROL"}
    assert len(changes) == 5


async def test_a_tag_that_is_gone_takes_its_trait_with_it():
    ironic = PretendIronic("available")
    ironic.traits = {"CUSTOM_THEIRS"}
    async with over(ironic) as site:
        handle = await site.provisioner.find(a_node())
        await site.provisioner.apply_platform(handle, replace(PLATFORM, static_tags=("a-b", "c")))
        assert ironic.traits == {"CUSTOM_THEIRS", "CUSTOM_A_B", "CUSTOM_C"}
        await site.provisioner.apply_platform(handle, replace(PLATFORM, static_tags=("c",)))
    assert ironic.traits == {"CUSTOM_THEIRS", "CUSTOM_C"}


@pytest.mark.parametrize("device", [{"wwn": "0x5"}, {"serial": "S"}, {}])
async def test_the_root_disk_is_hinted_by_what_identifies_it(device):
    ironic = PretendIronic("available")
    plan = storage_plan()
    [disk] = plan.disks
    plan = replace(plan, disks=(replace(disk, device=DeviceName("sda", **device)),))
    async with over(ironic) as site:
        await site.provisioner.apply_storage(await site.provisioner.find(a_node()), plan)
    assert ironic.node["extra"]["drydock"]["root_device"] == (device or {"name": "/dev/sda"})


async def test_a_deployed_node_is_not_planned_and_one_at_work_cannot_be():
    marked = {"extra": {"drydock": {"deployment_id": "d1"}}, "instance_uuid": instance_of("d1")}
    async with over(PretendIronic("active", **marked)) as site:
        await site.provisioner.apply_platform(await site.provisioner.find(a_node()), PLATFORM)
        assert not any(request.is_write for request in site.line.seen)
    async with over(PretendIronic("manageable")) as site:
        with pytest.raises(DriverConflict, match="cannot be configured, it is manageable"):
            await site.provisioner.apply_storage(
                await site.provisioner.find(a_node()), storage_plan()
            )


async def test_without_an_inspection_there_is_no_inventory_and_it_says_what_to_do():
    async with over(PretendIronic("available", inventory=False)) as site:
        handle = await site.provisioner.find(a_node())
        with pytest.raises(NodeUnknown, match="it was not inspected; bring it back to manageable"):
            await site.provisioner.inventory(handle)


async def test_logs_are_ironics_history_by_phase():
    ironic = PretendIronic("available")
    ironic.events = [
        {"created_at": "1", "severity": "ERROR", "event_type": "deploying", "event": "no"},
        {"created_at": "2", "severity": "INFO", "event_type": "cleaning", "event": "done"},
    ]
    async with over(ironic) as site:
        handle = await site.provisioner.find(a_node())
        [log] = await site.provisioner.logs(handle, "deploy")
        assert log.text == "1 ERROR deploying: no"
        [log] = await site.provisioner.logs(handle, "commission")
        assert log.text == "2 INFO cleaning: done"
        assert await site.provisioner.logs(handle, "testing") == []


def test_a_bad_certificate_file_refuses_the_driver(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate")
    with pytest.raises(InvalidInput, match=r"ca_file .*ca\.pem"):
        IronicProvisioner(options(ca_file=file))


@pytest.mark.parametrize("verdict", ["cut", "lost"])
@pytest.mark.parametrize("number", range(1, 8))
async def test_a_cut_at_each_change_of_a_deployment_deploys_once(number, verdict):
    ironic = PretendIronic("available")
    nth = nth_write(number, verdict)
    left = [None]

    def rule(request):
        broken = nth(request)
        if broken == "lost":
            left[0] = ironic(request)
        return "cut" if broken else ironic(request)

    async with proxy(rule=rule) as line:
        await cut_and_done_by_another(line, a_node(), "d1", poll_seconds=0.01)
    assert (left[0] is not None) is (verdict == "lost")
    assert ironic.told == ["active"]


@pytest.mark.parametrize("number", range(2, 12))
async def test_a_cut_at_each_question_of_a_deployment_is_asked_again(number):
    ironic = PretendIronic("available")
    asked = []

    def rule(request):
        asked.append(request)
        return "cut" if len(asked) == number and not request.is_write else ironic(request)

    async with over(rule) as site:
        assert (await site.deploy(a_node())).state is NodeState.DEPLOYED
    assert ironic.told == ["active"]


# -- a real Ironic, and what happens on the way to it


@pytest.fixture(scope="module")
def prepared(ironic):
    """A node that the site enrolled: available, inspected before, and known by its name."""

    async def made(node):
        ironic.enrol(node.name, node.boot_mac)
        async with way(ironic.url, enroll=False) as site, agent(ironic, seen(node.boot_mac)):
            await site.prepare(node)
        return node

    return made


@pytest.mark.slow
async def test_an_answer_lost_at_each_change_of_a_deployment_deploys_once(ironic, prepared):
    node = await prepared(a_node("cut-1", 201))
    async with proxy(ironic.url) as line, way(line.url, enroll=False) as site:
        handle = await site.deploy(node, "whole")
        assert handle.state is NodeState.DEPLOYED
        writes = [request for request in line.passed if request[0].is_write]
        await site.destroy(node)
    assert len(writes) == 7
    for number in range(1, len(writes) + 1):
        deployment = f"lost-{number}"
        async with proxy(ironic.url, nth_write(number, "lost")) as line:
            await cut_and_done_by_another(line, node, deployment, enroll=False)
            async with way(line.url, enroll=False) as site:
                await site.destroy(node)
            assert line.told("deleted") == 1
    assert "drydock" not in ironic.node(node.name)["extra"]


async def cut_and_done_by_another(line, node, deployment, **more):
    """A deployment that a broken line ends, and a second run, of a daemon that knows nothing."""
    async with way(line.url, **more) as site:
        with pytest.raises(DriverTransient, match="the connection broke"):
            await site.deploy_once(node, deployment)
    async with way(line.url, **more) as site:
        handle = await site.deploy(node, deployment)
    assert (handle.state, handle.deployment_id) == (NodeState.DEPLOYED, deployment)
    assert line.told("active") <= 1


def nth_write(number, verdict):
    left = [number]

    def rule(request):
        if request.is_write:
            left[0] -= 1
        return verdict if request.is_write and left[0] == 0 else None

    return rule


@pytest.mark.slow
async def test_a_bad_line_and_a_busy_ironic_change_nothing_but_the_time(ironic, prepared):
    node = await prepared(a_node("bad-1", 211))
    locked = says(409, "Node u is locked by host c1, please retry after it is completed.")

    away, counts = says(503, "no conductor"), {True: 0, False: 0}

    def rule(request):
        if request.path == "/v1/":
            return None
        counts[request.is_write] += 1
        first, second = (locked, away) if request.is_write else ("cut", away)
        return {1: first, 2: second}.get(counts[request.is_write] % 4)

    async with proxy(ironic.url, rule) as line, way(line.url, enroll=False) as site:
        assert (await site.deploy(node)).state is NodeState.DEPLOYED
        await site.destroy(node)
        assert (line.told("active"), line.told("deleted")) == (1, 1)


@pytest.mark.slow
async def test_nodes_of_somebody_else_are_left_alone_by_a_real_ironic(ironic, prepared):
    node = await prepared(a_node("theirs-1", 221))
    ironic.change(node.name, instance_uuid="7a0e9f4e-7b3f-4c44-95f8-9e5dc03f0f01")
    async with proxy(ironic.url) as line, way(line.url, enroll=False) as site:
        handle = await site.provisioner.find(node)
        assert handle.state is NodeState.FOREIGN
        with pytest.raises(DriverConflict, match="instance 7a0e9f4e"):
            await site.provisioner.destroy(node, site.voice)
        with pytest.raises(DriverConflict, match="instance 7a0e9f4e"):
            await site.provisioner.adopt(handle, node)
        with pytest.raises(NodeUnknown):
            await site.provisioner.find(a_node("theirs-2", 222))
        assert not any(request.is_write for request in line.seen)


@pytest.mark.slow
async def test_two_that_claim_one_node_at_once_deploy_it_once(ironic, prepared):
    node = await prepared(a_node("race-1", 231))
    async with proxy(ironic.url) as line, way(line.url, enroll=False) as site:
        handle = await site.provisioner.find(node)
        await site.provisioner.apply_network(handle, network_plan(node.boot_mac))
        found = await asyncio.gather(
            *(
                site.provisioner.deploy(handle, a_spec(deployment, node.name), site.voice)
                for deployment in ("one", "two")
            ),
            return_exceptions=True,
        )
        assert line.told("active") == 1
        assert any(not isinstance(one, Exception) for one in found), found
        await site.destroy(node)

"""The room's node provisioner, near and far: one life cycle, every fault."""

import asyncio
from collections import Counter

import pytest

from drydockd.drivers.base import Discovery
from drydockd.drivers.fake import FakeOptions
from drydockd.drivers.node.fake import FakeNodeProvisioner
from drydockd.errors import (
    DriverConflict,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
    NodeUnknown,
)
from drydockd.machines import NodeState
from drydockd.plans import (
    AddressPlan,
    DeviceName,
    DiskPlan,
    InterfacePlan,
    NetworkPlan,
    PartitionPlan,
    PlatformPlan,
    StoragePlan,
)
from drydockd.site import Network, NetworkLink, Repository
from tests.room.helpers import Site, a_node, a_spec, cancelled, fault, quick, when


async def test_a_node_goes_all_the_way_and_is_cut_deployed_and_wiped_once(site):
    lab = await site()
    node = a_node()
    handle = await lab.deploy(node)
    assert (handle.name, handle.state, handle.deployment_id) == ("n1", NodeState.DEPLOYED, "d1")
    await lab.nodes.destroy(node, lab.voice)
    [machine] = await lab.room.machines()
    expected = {"commissions": 1, "deployments": 1, "wipes": 1, "netboots": 1, "power_cuts": 0}
    assert {name: machine.counters[name] for name in expected} == expected
    assert machine.deployments == ("d1",)


async def test_a_machine_that_was_never_netbooted_is_unknown(site):
    lab = await site()
    with pytest.raises(NodeUnknown):
        await lab.nodes.find(a_node())
    await lab.oob.power_on(a_node(), lab.voice)
    with pytest.raises(NodeUnknown):
        await lab.nodes.find(a_node())


async def test_repeating_every_step_of_a_deployed_node_changes_nothing(site):
    lab = await site()
    node = a_node()
    handle = await lab.deploy(node)
    before = (await lab.room.machines())[0].counters
    assert (await lab.nodes.commission(handle, lab.voice)).state is NodeState.DEPLOYED
    await lab.nodes.apply_network(handle, NetworkPlan((), (), (), "local"))
    again = await lab.nodes.deploy(handle, a_spec("d2"), lab.voice)
    assert again.deployment_id == "d1"
    assert (await lab.room.machines())[0].counters == before


async def test_two_callers_of_one_deployment_share_it(site):
    lab = await site(quick(latencies={"deploy": 0.05}))
    handle = await lab.prepare(a_node())
    first, second = await asyncio.gather(
        lab.nodes.deploy(handle, a_spec(), lab.voice), lab.nodes.deploy(handle, a_spec(), lab.voice)
    )
    assert first == second
    assert (await lab.room.machines())[0].counters["deployments"] == 1


async def test_a_cancelled_caller_leaves_the_machine_working(site):
    lab = await site(quick(latencies={"deploy": 0.1}))
    handle = await lab.prepare(a_node())
    deployment = asyncio.create_task(lab.nodes.deploy(handle, a_spec(), lab.voice))
    await when(lab.room, lambda machine: machine.state is NodeState.DEPLOYING)
    await cancelled(deployment)
    assert (await lab.nodes.find(a_node())).state is NodeState.DEPLOYING
    handle = await lab.nodes.deploy(handle, a_spec(), lab.voice)
    assert handle.state is NodeState.DEPLOYED
    assert (await lab.room.machines())[0].counters["deployments"] == 1


async def test_a_commission_that_fails_once_is_good_the_second_time(site):
    lab = await site(quick(**fault("commission_fails", times=1)))
    handle = await lab.nodes.adopt(await lab.discover(a_node()), a_node())
    with pytest.raises(DriverTransient, match="commissioning failed: fault commission_fails"):
        await lab.nodes.commission(handle, lab.voice)
    assert (await lab.nodes.find(a_node())).state is NodeState.FAILED_COMMISSION
    assert (await lab.nodes.commission(handle, lab.voice)).state is NodeState.READY
    assert (await lab.room.machines())[0].counters["commissions"] == 2


async def test_a_failed_deployment_is_released_before_the_next_one(site):
    lab = await site(quick(**fault("deploy_fails", times=1)))
    handle = await lab.prepare(a_node())
    with pytest.raises(DriverTransient, match=r"n1 .*deployment failed"):
        await lab.nodes.deploy(handle, a_spec("d1"), lab.voice)
    handle = await lab.nodes.deploy(handle, a_spec("d2"), lab.voice)
    assert handle.deployment_id == "d2"
    [machine] = await lab.room.machines()
    assert machine.deployments == ("d1", "d2")
    assert machine.counters["releases"] == 1


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("commission_hangs", NodeState.COMMISSIONING),
        ("deploy_hangs", NodeState.DEPLOYING),
        ("wipe_hangs", NodeState.RELEASING),
    ],
)
async def test_what_hangs_stays_in_its_state_until_the_caller_gives_up(site, kind, state):
    lab = await site(quick(**fault(kind)))

    async def whole_life():
        await lab.deploy(a_node())
        await lab.nodes.destroy(a_node(), lab.voice)

    life = asyncio.create_task(whole_life())
    machine = await when(lab.room, lambda machine: machine.state is state)
    await cancelled(life)
    assert machine.reason == f"fault {kind}"
    assert (await lab.nodes.find(a_node())).state is state


async def test_a_failed_wipe_keeps_the_node_and_may_be_repeated(site):
    lab = await site(quick(**fault("wipe_fails", times=1)))
    await lab.deploy(a_node())
    with pytest.raises(DriverTransient, match="release failed"):
        await lab.nodes.destroy(a_node(), lab.voice)
    assert (await lab.nodes.find(a_node())).state is NodeState.FAILED_RELEASE
    await lab.nodes.destroy(a_node(), lab.voice)
    with pytest.raises(NodeUnknown):
        await lab.nodes.find(a_node())


async def test_destroying_what_nobody_knows_is_fine(site):
    lab = await site()
    await lab.nodes.destroy(a_node(), lab.voice)
    assert "does not know it" in lab.voice.said[-1][0]


async def test_power_cut_while_deploying_fails_the_deployment(site):
    lab = await site(quick(latencies={"deploy": 5}))
    handle = await lab.prepare(a_node())
    deployment = asyncio.create_task(lab.nodes.deploy(handle, a_spec(), lab.voice))
    await when(lab.room, lambda machine: machine.state is NodeState.DEPLOYING)
    await lab.oob.power_off(a_node(), lab.voice)
    with pytest.raises(DriverTransient, match="power was cut while deploying"):
        await deployment
    assert (await lab.room.machines())[0].counters["power_cuts_busy"] == 1


async def test_a_slow_machine_takes_its_factor_longer_than_others(site):
    config = {"latencies": {"deploy": 0.02}, "faults": [{"fault": "slow", "machines": ["slow*"]}]}
    lab = await site(quick(**config))
    ends = []

    async def deploy(node):
        await lab.deploy(node)
        ends.append(node.name)

    await asyncio.gather(deploy(a_node("slow1")), deploy(a_node("n2", number=2)))
    assert ends == ["n2", "slow1"]


async def test_inventory_is_unknown_before_commissioning_and_lshw_and_lldp_after(site):
    lab = await site()
    handle = await lab.nodes.adopt(await lab.discover(a_node()), a_node())
    with pytest.raises(NodeUnknown, match="never commissioned"):
        await lab.nodes.inventory(handle)
    handle = await lab.nodes.commission(handle, lab.voice)
    documents = (await lab.nodes.inventory(handle)).documents
    assert [d.generator for d in documents] == ["lshw", "lldp"]
    assert documents[0].data_format == "text/xml"


async def test_logs_are_of_the_phase_asked_for(site):
    lab = await site()
    handle = await lab.deploy(a_node())
    logs = {phase: await lab.nodes.logs(handle, phase) for phase in ("commission", "deploy")}
    assert [log.name for log in logs["commission"]] == ["00-inventory"]
    assert [log.name for log in logs["deploy"]] == ["curtin"]


async def test_plans_the_machine_cannot_carry_are_unsupported(site):
    lab = await site()
    handle = await lab.prepare(a_node())
    plain = AddressPlan("none")
    nic = InterfacePlan("pxe", "pxe", (DeviceName("eth9"),), None, 1500, None, plain)
    with pytest.raises(DriverUnsupported, match="eth9; the machine has eno1"):
        await lab.nodes.apply_network(handle, NetworkPlan((nic,), (), (), "local"))
    disk = DiskPlan(DeviceName("sda"), 0, (PartitionPlan("root", 10**18),))
    with pytest.raises(DriverUnsupported, match="sda need"):
        await lab.nodes.apply_storage(handle, StoragePlan((disk,)))
    with pytest.raises(DriverUnsupported, match="no image hardy"):
        await lab.nodes.apply_platform(handle, PlatformPlan("hardy", None, "", "n1_kp"))


async def test_a_node_that_is_not_ready_cannot_be_configured_or_deployed(site):
    lab = await site()
    handle = await lab.nodes.adopt(await lab.discover(a_node()), a_node())
    with pytest.raises(DriverConflict, match="it is new"):
        await lab.nodes.apply_network(handle, NetworkPlan((), (), (), "local"))
    with pytest.raises(DriverConflict, match="cannot be deployed, it is new"):
        await lab.nodes.deploy(handle, a_spec(), lab.voice)


async def test_infrastructure_and_foreign_machines_are_never_touched(site):
    machines = [
        {"name": "rack1", "state": "ready", "kind": "infrastructure"},
        {"name": "other", "state": "foreign"},
    ]
    lab = await site(quick(machines=machines))
    for name in ("rack1", "other"):
        handle = await lab.nodes.find(a_node(name))
        with pytest.raises(DriverConflict):
            await lab.nodes.adopt(handle, a_node(name))
        with pytest.raises(DriverConflict):
            await lab.nodes.destroy(a_node(name), lab.voice)
    assert all(m.counters["wipes"] == 0 for m in await lab.room.machines())


async def test_a_machine_with_another_boot_mac_than_designed_is_a_conflict(site):
    machines = [{"bmc": "10.0.0.1", "boot_mac": "52:54:00:00:00:01", "state": "new"}]
    lab = await site(quick(machines=machines))
    node = a_node(boot_mac="52:54:00:00:00:02")
    with pytest.raises(DriverConflict, match="52:54:00:00:00:01, the design says"):
        await lab.nodes.adopt(await lab.nodes.find(node), node)


async def test_list_nodes_speaks_the_words_of_maas(site):
    lab = await site()
    await lab.deploy(a_node())
    await lab.discover(a_node("n2", number=2))
    rows = await lab.nodes.list_nodes()
    assert [(r.hostname, r.status_name, r.power_state) for r in rows] == [
        ("n1", "Deployed", "on"),
        ("n2", "New", "on"),
    ]
    first = rows[0]
    assert (first.memory, first.cpu_count, first.boot_ip) == (131072, 32, "10.1.0.1")
    assert first.power_address == "10.0.0.1"


async def test_site_objects_are_reconciled(site):
    lab = await site()
    networks = {"pxe": Network("pxe", "10.1.0.0/16")}
    links = {"pxe": NetworkLink("pxe")}
    first = await lab.nodes.apply_site_network(links, networks)
    second = await lab.nodes.apply_site_network(links, networks)
    assert [n.text for n in (*first, *second)] == ["network pxe: created", "network pxe: unchanged"]
    assert "2 authorized keys, 2 of them new" in (await lab.nodes.apply_keys(["a", "b"]))[0].text
    repositories = [Repository("main", "http://a.example", "apt")]
    await lab.nodes.apply_repositories(repositories, remove_unlisted=False)
    gone = await lab.nodes.apply_repositories((), remove_unlisted=True)
    assert gone[0].text == "repository main: removed"


async def test_check_catalogue_and_capabilities_answer(site):
    lab = await site()
    assert not (await lab.nodes.check())[0].error
    assert "ga-18.04" in (await lab.nodes.catalogue()).images["bionic"]
    assert "lvm.root" in await lab.nodes.capabilities()


@pytest.mark.slow
async def test_a_thousand_machines_go_through_their_whole_life_at_once(open_room):
    room = open_room(quick(machines=1000))
    lab = Site(room)
    nodes = [a_node(f"n{i}", number=i) for i in range(1000)]
    async with asyncio.timeout(20):
        handles = await asyncio.gather(*(lab.deploy(node) for node in nodes))
        await asyncio.gather(*(lab.nodes.destroy(node, lab.voice) for node in nodes))
    assert {h.state for h in handles} == {NodeState.DEPLOYED}
    totals = Counter()
    for machine in await room.machines():
        totals.update(machine.counters)
    once = ("netboots", "commissions", "deployments", "wipes")
    assert {totals[name] for name in once} == {1000}
    assert totals["power_cuts"] == 0


async def test_a_node_that_never_booted_is_enrolled_and_commissioned(site):
    lab = await site()
    with pytest.raises(NodeUnknown):
        await lab.nodes.find(a_node())
    handle = await lab.nodes.adopt(None, a_node())
    assert (handle.name, handle.state) == ("n1", NodeState.NEW)
    assert (await lab.nodes.adopt(None, a_node())).id == handle.id
    assert (await lab.nodes.commission(handle, lab.voice)).state is NodeState.READY


async def test_a_room_without_a_machine_for_it_enrols_nothing(site):
    lab = await site(quick(machines=1))
    await lab.nodes.adopt(None, a_node())
    with pytest.raises(DriverPersistent, match="n2: the room has no machine"):
        await lab.nodes.adopt(None, a_node("n2", number=2))


def test_how_it_discovers_is_an_option():
    assert FakeNodeProvisioner().discovers is Discovery.NETBOOT
    assert FakeNodeProvisioner(FakeOptions(discovers="enrol")).discovers is Discovery.ENROL

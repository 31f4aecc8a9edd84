"""A deployment: allocated, annotated, tagged, begun once, waited for."""

import base64

import pytest
import yaml

from drydockd.drivers.node.maas.account import Account
from drydockd.drivers.node.maas.answers import Refused
from drydockd.drivers.node.maas.deployment import Deployer, series, user_data
from drydockd.drivers.node.maas.lifecycle import Lifecycle
from drydockd.drivers.node.maas.machine import DEPLOYMENT
from drydockd.errors import DriverConflict, DriverTransient, DriverUnsupported
from drydockd.machines import NodeState
from drydockd.plans import BootDelivery, DeploySpec
from tests.drivers.node.maas.making import Killed, Voice, cut_client
from tests.peers.maas import Fault, at
from tests.peers.maas.machines import add_machine

KEY = "ab" * 32
SPEC = DeploySpec(
    "task-1",
    "jammy",
    "hwe-22.04",
    "lab.example",
    packages={"chrony": None, "docker.io": "24.0"},
    boot=BootDelivery(KEY, "http://10.0.0.1:9000/api/v1.0/", "n1"),
    owner_data={"rack": "r1", "node-role.kubernetes.io/compute": "yes", "empty": ""},
)


def deployer(client):
    return Deployer(client, Lifecycle(client, poll_seconds=0.001), Account(client))


async def deploy(client, machine, spec=SPEC, voice=None):
    handle = (await Lifecycle(client, poll_seconds=1).read(machine.system_id)).handle()
    return await deployer(client).deploy(handle, spec, voice or Voice())


async def test_a_ready_machine_is_deployed_with_all_of_its_spec(maas, client):
    machine = add_machine(maas, "n1")
    voice = Voice()
    handle = await deploy(client, machine, voice=voice)
    assert (handle.state, handle.deployment_id) == (NodeState.DEPLOYED, "task-1")
    assert machine.annotations == {
        "rack": "r1",
        "node-role.kubernetes.io.compute": "yes",
        DEPLOYMENT: "task-1",
    }
    assert machine.tag_names == {f"n1__baid__{KEY}"}
    assert (machine.distro_series, machine.hwe_kernel) == ("jammy", "hwe-22.04")
    assert machine.user_data.startswith("#cloud-config\n")
    assert yaml.safe_load(machine.user_data) == {"packages": ["chrony", ["docker.io", "24.0"]]}
    assert machine.domain == "lab.example"
    assert any("node-role.kubernetes.io.compute" in text for text in voice.said)
    assert not any(KEY in text for text in voice.said)


@pytest.mark.parametrize(
    ("owner_data", "words"),
    [
        ({"a b": "x"}, "'a b'"),
        ({"a/b": "x", "a.b": "y"}, "'a/b' and 'a.b'"),
        ({"op": "x"}, "'op'"),
        ({DEPLOYMENT: "x"}, DEPLOYMENT),
    ],
)
async def test_owner_data_that_maas_cannot_keep_is_refused_before_anything(
    maas, client, owner_data, words
):
    machine = add_machine(maas, "n1")
    spec = DeploySpec("task-1", "jammy", None, "maas", owner_data=owner_data)
    with pytest.raises(DriverUnsupported, match=words):
        await deploy(client, machine, spec)
    assert maas.writes() == []


async def test_no_owner_data_key_with_a_slash_ever_reaches_maas(maas, client):
    await deploy(client, add_machine(maas, "n1"))
    sent = [call.form for call in maas.calls if call.op == "set_workload_annotations"]
    assert sent
    assert not any("/" in key for form in sent for key in form)


@pytest.mark.parametrize("status", ["Deployed", "Deploying"])
async def test_a_deployment_that_is_or_runs_is_not_made_again(maas, client, status):
    machine = add_machine(maas, "n1", status_name=status, owner="admin")
    machine.does, machine.looks = ("deploy", 3) if status == "Deploying" else ("", 0)
    assert (await deploy(client, machine)).state is NodeState.DEPLOYED
    assert maas.writes() == []


async def test_a_machine_allocated_before_a_crash_goes_on(maas, client):
    machine = add_machine(maas, "n1", status_name="Allocated", owner="admin", domain="maas")
    machine.annotations = {DEPLOYMENT: "task-0", "old": "x"}
    await deploy(client, machine)
    assert maas.done["allocate", "sid001"] == 0
    assert "old" not in machine.annotations
    assert machine.annotations[DEPLOYMENT] == "task-1"


async def test_a_409_on_allocate_is_read_again_and_ours_goes_on(maas, client):
    machine = add_machine(maas, "n1")

    def ours():
        machine.status_name, machine.owner = "Allocated", "admin"

    maas.faults.append(Fault(at("POST", "machines/", "allocate"), before=ours))
    assert (await deploy(client, machine)).state is NodeState.DEPLOYED


async def test_a_machine_that_somebody_else_took_is_left_to_him(maas, client):
    machine = add_machine(maas, "n1")

    def theirs():
        machine.status_name, machine.owner = "Allocated", "eve"

    maas.faults.append(Fault(at("POST", "machines/", "allocate"), before=theirs))
    with pytest.raises(DriverConflict, match="allocated to eve, not to admin"):
        await deploy(client, machine)
    assert machine.annotations == {}


async def test_a_failed_deployment_is_released_and_made_anew(maas, client):
    machine = add_machine(maas, "n1", status_name="Failed deployment", owner="admin")
    await deploy(client, machine)
    assert maas.done["release", "sid001"] == 1
    assert maas.done["erase", "sid001"] == 0
    assert maas.done["deploy", "sid001"] == 1


async def test_a_deployment_that_fails_is_told_with_its_reason(maas, client):
    machine = add_machine(maas, "n1")
    maas.fails["deploy"] = 1
    with pytest.raises(DriverTransient, match="Failed deployment: deploy went wrong"):
        await deploy(client, machine)


async def test_a_lost_answer_of_deploy_is_joined(maas, client):
    machine = add_machine(maas, "n1")
    maas.faults.append(Fault(at("POST", "machines/sid001/", "deploy"), is_lost=True))
    assert (await deploy(client, machine)).state is NodeState.DEPLOYED
    assert maas.done["deploy", "sid001"] == 1


async def test_an_image_that_is_not_there_is_refused_with_its_field(maas, client):
    machine = add_machine(maas, "n1")
    with pytest.raises(Refused, match="distro_series: 'noble' is not a valid"):
        await deploy(client, machine, DeploySpec("task-1", "noble", None, "maas"))


async def test_keys_of_earlier_deployments_are_removed(maas, client):
    machine = add_machine(maas, "n1", tag_names={"n1__baid__old", "rack1"})
    for name in ("n1__baid__old", "n1__baid__older", "n10__baid__other", "rack1"):
        maas.tags[name] = {"definition": "", "comment": "", "kernel_opts": ""}
    await deploy(client, machine)
    assert set(maas.tags) == {f"n1__baid__{KEY}", "n10__baid__other", "rack1"}
    assert machine.tag_names == {f"n1__baid__{KEY}", "rack1"}


async def test_without_boot_actions_no_key_stays(maas, client):
    machine = add_machine(maas, "n1", tag_names={"n1__baid__old"})
    maas.tags["n1__baid__old"] = {"definition": "", "comment": "", "kernel_opts": ""}
    await deploy(client, machine, DeploySpec("task-2", "jammy", None, "maas"))
    assert maas.tags == {}


async def test_a_key_that_cannot_be_put_on_the_machine_ends_it_before_the_deployment(maas, client):
    machine = add_machine(maas, "n1")
    maas.faults.append(Fault(at("POST", "tags/.*", "update_nodes"), status=503))
    with pytest.raises(DriverTransient):
        await deploy(client, machine)
    assert maas.done["deploy", "sid001"] == 0


@pytest.mark.parametrize("is_sent", [False, True], ids=["not sent", "sent"])
async def test_kill_9_between_any_two_calls_deploys_once_and_whole(maas, is_sent):
    for number in range(60):
        maas.machines.clear()
        maas.tags.clear()
        maas.done.clear()
        maas.domains = {0: {"name": "maas", "authoritative": True}}
        machine = add_machine(maas, "n1")
        client, cut = cut_client(maas, number, is_sent=is_sent)
        try:
            await deploy(client, machine)
        except Killed:
            await client.close()
            client, _ = cut_client(maas)
            await deploy(client, machine)
        await client.close()
        assert maas.done["allocate", "sid001"] == 1
        assert maas.done["deploy", "sid001"] == 1
        assert maas.done["release", "sid001"] == 0
        assert machine.annotations["rack"] == "r1"
        assert machine.annotations[DEPLOYMENT] == "task-1"
        assert machine.tag_names == set(maas.tags) == {f"n1__baid__{KEY}"}
        if not cut.was_cut:
            break
    assert number > 10


def test_without_packages_there_is_no_user_data():
    assert user_data({}) is None
    text = base64.b64decode(user_data({"a": None})).decode()
    assert text == "#cloud-config\npackages: [a]\n"


def test_an_image_may_be_spelt_with_its_system():
    assert series("ubuntu/jammy") == series("jammy") == "jammy"
    assert series(None) is None

"""What goes wrong around a machine: nothing is wiped twice, nobody is deployed who did not report
from disk. Contract, netboot, section 11."""

import asyncio
import socket
from dataclasses import replace

import pytest

from drydockd.errors import DriverPersistent
from drydockd.machines import NodeState, PowerState
from tests.drivers.node.netboot.killable import Killed
from tests.drivers.node.netboot.pretend import bearer
from tests.drivers.node.netboot.test_provisioner import (  # noqa: F401
    MAC,
    NODE,
    SHA,
    SPEC,
    Bench,
    bench,
    catalogue,
)


@pytest.mark.process
@pytest.mark.slow
async def test_a_daemon_killed_at_every_step_wipes_once_and_deploys_who_reported(
    tmp_path,
    catalogue,  # noqa: F811
):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    killed = Killed(tmp_path, catalogue, port)
    await killed.serve()
    try:
        assert await killed.run("prepare") >= 5, killed.killed
        assert killed.machine.did == []
        assert await killed.run("deploy") >= 9, killed.killed
        assert killed.machine.did == ["ended install", "reported from disk"]
        assert killed.machine.boot == "disk"
        assert await killed.run("destroy") >= 6, killed.killed
        assert killed.machine.did == ["ended install", "reported from disk", "ended wipe"]
        assert killed.machine.power is PowerState.OFF
    finally:
        await killed.close()


async def hello(http, token):
    body = {"nonce": "a" * 32, "mac": MAC, "macs": [MAC], "uuid": "u-1"}
    answer = await http.post("/boot/hello", json=body, headers=bearer(token))
    return bearer(answer.json()["session"])


async def told_to_install(http, token):
    """As far as an agent that has begun to unpack."""
    headers = await hello(http, token)
    command = (await http.get("/boot/command", params={"wait": 5}, headers=headers)).json()
    body = {"id": command["id"], "step": "unpack", "percent": 40}
    await http.post("/boot/progress", json=body, headers=headers)
    return headers, command


async def test_after_a_power_cut_in_mid_unpack_the_same_work_begins_from_zero(bench):  # noqa: F811
    handle = await bench.ready()
    agent, cut = bench.machine.agent, asyncio.Event()
    commands = []

    async def dies(http, token):
        commands.append((await told_to_install(http, token))[1])
        cut.set()
        await asyncio.Event().wait()

    bench.machine.agent = dies
    deployment = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await cut.wait()
    # The power comes back: the machine starts from the network again, seconds later.
    await bench.machine._stop()
    record = bench.driver.machines.get(MAC)
    bench.driver.machines.touch(MAC, record.seen - 60)
    bench.machine.agent = agent
    bench.machine._task = asyncio.create_task(bench.machine.netboot())
    assert (await deployment).state is NodeState.DEPLOYED
    again = next(command for command in bench.machine.said if command["do"] == "install")
    assert again["plan"] == commands[0]["plan"]
    assert again["id"] != commands[0]["id"]


async def test_an_image_that_is_gone_fails_the_deployment_and_the_next_one_has_it(bench):  # noqa: F811
    handle = await bench.ready()
    blob = bench.catalogue / "blobs" / SHA["image"]
    content = blob.read_bytes()
    agent = bench.machine.agent

    async def fetches(http, token):
        headers, command = await told_to_install(http, token)
        path = f"/boot/image/{command['plan']['image']['sha256']}"
        blob.unlink()
        answer = await http.get(path, headers=headers)
        end = {"id": command["id"], "ok": False, "error": f"image: {answer.json()['message']}"}
        end["is_final"] = True
        await http.post("/boot/end", json=end | {"log": "", "steps": []}, headers=headers)

    bench.machine.agent = fetches
    with pytest.raises(DriverPersistent, match=r"deployment failed: image: .* has no content"):
        await bench.driver.deploy(handle, SPEC, bench.voice)
    assert await bench.state() is NodeState.FAILED_DEPLOY
    notes = [note.text for note in await bench.driver.check() if note.error]
    assert any(SHA["image"] in note for note in notes), notes
    blob.write_bytes(content)
    bench.machine.agent = agent
    handle = await bench.driver.deploy(handle, replace(SPEC, deployment_id="d2"), bench.voice)
    assert handle.state is NodeState.DEPLOYED


async def test_a_machine_that_starts_from_the_network_after_its_installation_is_not_wiped(bench):  # noqa: F811
    handle = await bench.ready()
    disk_boot = bench.machine.disk_boot

    async def from_the_network_first():
        async with bench.machine.http() as http:
            assert await bench.machine.script(http) == "#!ipxe\nexit 1\n"
        await disk_boot()

    bench.machine.disk_boot = from_the_network_first
    handle = await bench.driver.deploy(handle, SPEC, bench.voice)
    assert handle.state is NodeState.DEPLOYED
    assert [c["do"] for c in bench.machine.said].count("install") == 1


async def test_a_report_before_the_installation_ended_deploys_nobody(bench):  # noqa: F811
    handle = await bench.ready()
    answers, asked = [], asyncio.Event()

    async def impatient(http, token):
        _, command = await told_to_install(http, token)
        (file,) = (f for f in command["plan"]["files"] if f["path"] == "/etc/drydock/first-boot")
        body = {"boot_id": "b", "addresses": [], "failed_units": []}
        secret = bearer(file["text"].split()[1])
        answers.append((await http.post("/boot/first", json=body, headers=secret)).status_code)
        asked.set()
        await asyncio.Event().wait()

    bench.machine.agent = impatient
    deployment = asyncio.create_task(bench.driver.deploy(handle, SPEC, bench.voice))
    await asked.wait()
    assert answers == [409]
    assert await bench.state() is NodeState.DEPLOYING
    deployment.cancel()
    await asyncio.gather(deployment, return_exceptions=True)


async def test_an_agent_that_hangs_costs_no_other_deployment_and_is_not_cut_while_it_is_heard(
    bench,  # noqa: F811
):
    handle = await bench.ready()
    hung = asyncio.Event()

    async def hangs(http, token):
        await told_to_install(http, token)
        hung.set()
        await asyncio.Event().wait()

    bench.machine.agent = hangs
    cuts = bench.machine.cuts
    # The step's own limit, as the task has it.
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await bench.driver.deploy(handle, SPEC, bench.voice)
    assert hung.is_set()
    assert bench.machine.cuts == cuts
    assert await bench.state() is NodeState.DEPLOYING
    assert bench.driver.machines.get(MAC).step == "unpack 40 %"
    await bench.machine._stop()
    bench.machine.power = PowerState.OFF
    del bench.machine.agent
    await bench.driver.destroy(NODE, bench.voice)
    assert [c["do"] for c in bench.machine.said].count("wipe") == 1

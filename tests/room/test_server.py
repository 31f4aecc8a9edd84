"""The room's own process and its HTTP side."""

import asyncio
import json
import os
import signal
import socket
import sys

import httpx
import pytest

from drydockd.machines import NodeState
from drydockd.room import server
from drydockd.room.remote import RemoteRoom
from tests.room.helpers import Site, a_node, a_spec, quick, served

JSON = {"Content-Type": "application/json"}


@pytest.fixture
async def http(room):
    async with served(room) as (url, _), httpx.AsyncClient(base_url=url, trust_env=False) as client:
        yield client


async def test_the_summary_counts_machines_by_state(room, http):
    await Site(room).discover(a_node())
    answer = (await http.get("/")).json()
    assert (answer["machines"], answer["states"]) == (1, {"new": 1})


async def test_machines_are_listed_with_their_counters_and_without_keys(room, http):
    await Site(room).deploy(a_node())
    [machine] = (await http.get("/v1/machines")).json()
    assert machine["state"] == "deployed"
    assert machine["counters"]["deployments"] == 1
    assert "key" not in machine


async def test_who_does_not_know_the_epoch_gets_everything_at_once(room, http):
    await Site(room).discover(a_node())
    query = {"after": 10_000, "epoch": "another", "wait": 60}
    answer = (await http.get("/v1/changes", params=query)).json()
    assert [m["name"] for m in answer["machines"]] == ["n1"]
    assert (answer["epoch"], answer["revision"]) == (room.epoch, room.revision)


async def test_nothing_new_is_an_empty_answer_after_the_wait(room, http):
    query = {"after": room.revision, "epoch": room.epoch, "wait": 0.01}
    assert (await http.get("/v1/changes", params=query)).json()["machines"] == []


async def test_faults_are_read_and_replaced(room, http):
    assert (await http.get("/v1/faults")).json() == []
    faults = [{"fault": "deploy_fails", "machines": ["n*"], "times": 1}]
    assert (await http.put("/v1/faults", json=faults)).status_code == 200
    assert (await http.get("/v1/faults")).json()[0]["times"] == 1
    assert room.chance.faults[0].fault == "deploy_fails"


@pytest.mark.parametrize(
    ("method", "path", "content", "headers", "status", "said"),
    [
        ("POST", "/v1/do/find", "{}", JSON, 400, "find: needs card"),
        ("POST", "/v1/do/find", "{", JSON, 400, "not JSON"),
        ("POST", "/v1/do/find", "{}", {}, 400, "Content-Type must be application/json"),
        ("POST", "/v1/do/explode", "{}", JSON, 404, "no operation explode; there are: bmc_boot"),
        ("POST", "/v1/do/find", '{"card": {"name": "x"}}', JSON, 409, "has not seen it"),
        ("PUT", "/v1/faults", '[{"fault": "flood"}]', JSON, 400, "0.fault: "),
        ("GET", "/v1/changes?after=x", None, {}, 400, "must be numbers"),
        ("GET", "/nowhere", None, {}, 404, "nothing at /nowhere"),
        ("GET", "/v1/do/find", None, {}, 405, "Method Not Allowed"),
    ],
)
async def test_what_is_wrong_is_said_in_json(http, method, path, content, headers, status, said):
    answer = await http.request(method, path, content=content, headers=headers)
    assert answer.status_code == status
    assert said in answer.json()["message"]


async def test_a_call_id_that_came_before_gets_the_same_answer(room, http):
    body = json.dumps({"card": {"name": "n1"}, "wanted": "on"})
    headers = {**JSON, "X-Call-Id": "c1"}
    first = await http.post("/v1/do/bmc_power", content=body, headers=headers)
    await Site(room).oob.power_off(a_node(), Site(room).voice)
    second = await http.post("/v1/do/bmc_power", content=body, headers=headers)
    assert first.json() == second.json()
    assert (await room.machines())[0].counters["starts"] == 1


async def test_it_serves_until_it_is_told_to_stop(tmp_path):
    stop, port = asyncio.Event(), asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(
        server.serve(0, quick(), folder=tmp_path, stop=stop, ready=port.set_result)
    )
    url = f"http://127.0.0.1:{await port}/"
    async with httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(url)).status_code == 200
        stop.set()
        await serving
        with pytest.raises(httpx.ConnectError):
            await client.get(url)


@pytest.mark.process
async def test_the_process_announces_its_url_and_ends_with_sigterm(tmp_path):
    room_file = tmp_path / "room.yaml"
    room_file.write_text("latencies: {power: 0, discovery: 0, commission: 0, deploy: 0, bmc: 0}\n")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drydockd.room.server", "--port", "0"),
        *("--room", str(room_file), "--state-dir", str(tmp_path / "state")),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )
    url = (await process.stdout.readline()).decode().strip()
    watched = RemoteRoom(url)
    lab = Site(watched, url)
    assert (await lab.deploy(a_node(), a_spec())).state is NodeState.DEPLOYED
    await lab.close()
    await watched.close()
    process.send_signal(signal.SIGTERM)
    _, log = await process.communicate()
    assert process.returncode == 0
    assert b"Traceback" not in log


def test_a_wrong_room_file_or_a_taken_port_ends_with_2(tmp_path, caplog):
    assert server.main(["--room", str(tmp_path / "none.yaml")]) == 2
    assert "cannot be read" in caplog.text
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert server.main(["--port", str(taken.getsockname()[1])]) == 2
    assert "in use" in caplog.text

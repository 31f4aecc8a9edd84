import asyncio
from dataclasses import replace

import pytest

from drydockd.drivers.base import NodeRow
from drydockd.handlers.nodes import _row_json
from drydockd.machines import Document
from drydockd.model import BuildData, timestamp
from drydockd.store import Put
from tests.handlers.helpers import JSON, QUICK, REF, V1, daemon

ONE = {
    "filter_set_type": "union",
    "filter_set": [{"filter_type": "union", "node_names": ["a01-control"]}],
}
COLUMNS = {
    "hostname",
    "memory",
    "cpu_count",
    "status_name",
    "boot_mac",
    "boot_ip",
    "power_state",
    "power_address",
}


async def test_the_provisioners_nodes_are_listed(drydock):
    assert (await drydock.get(f"{V1}/nodes")).json() == []
    await drydock.task(action="prepare_nodes", node_filter=ONE)
    [row] = (await drydock.get(f"{V1}/nodes")).json()
    assert set(row) == COLUMNS
    assert row["hostname"] == "a01-control"


def test_a_power_state_that_is_not_of_now_has_its_time():
    row = NodeRow("n1", 1, 1, "Ready", None, None, "off", None)
    assert set(_row_json(row)) == COLUMNS
    seen = _row_json(replace(row, power_seen="2026-01-01T00:00:00+00:00"))
    assert set(seen) == {*COLUMNS, "power_seen"}


async def test_without_a_provisioner_the_list_is_503(tmp_path):
    async with daemon(tmp_path, plugins={"node_driver": None}) as drydock:
        answer = await drydock.get(f"{V1}/nodes")
        assert (answer.status_code, answer.json()["retry"]) == (503, True)


@pytest.mark.slow
async def test_a_room_that_is_away_is_503_and_unhealthy(tmp_path):
    away = {"config": None, "url": "http://127.0.0.1:9"}
    async with daemon(tmp_path, fake_driver=away) as drydock:
        answer = await drydock.get(f"{V1}/nodes")
        assert (answer.status_code, answer.json()["retry"]) == (503, True)
        assert (await drydock.http.get(f"{V1}/health")).status_code == 503
        shown = await drydock.get(f"{V1}/health/extended")
        assert shown.status_code == 503
        assert shown.json()["details"]["messageList"][0]["message"] == "Unable to connect to MaaS"


async def test_a_node_says_what_it_is_and_what_became_of_it(drydock):
    task = await drydock.task(action="prepare_nodes", node_filter=ONE)
    deployed = await drydock.deployed("a01-control", task["task_id"])
    await drydock.http.get(
        f"{V1}/bootdata/a01-control/units", headers={"X-Bootaction-Key": deployed.key}
    )
    shown = {}
    async with asyncio.timeout(20):
        # That it arrived is noted when it has.
        while not (shown and shown["boot_data"]["delivered"]):
            answer = await drydock.get(f"{V1}/nodes/a01-control")
            shown = answer.json()
    assert shown["hostname"] == "a01-control"
    assert shown["provisioner"]["hostname"] == "a01-control"
    assert shown["last_contact"]
    assert list(shown["boot_data"]["delivered"]) == ["units"]
    assert {row["action_name"] for row in shown["boot_actions"]} == set(deployed.actions)
    for secret in (deployed.key, *deployed.action_keys.values()):
        assert secret not in answer.text


async def test_a_node_says_why_its_last_task_failed(tmp_path):
    failing = {"config": QUICK | {"faults": [{"fault": "commission_fails"}]}}
    async with daemon(tmp_path, fake_driver=failing) as drydock:
        task = await drydock.task(action="prepare_nodes", node_filter=ONE)
        shown = (await drydock.get(f"{V1}/nodes/a01-control")).json()
        last = shown["last"]
        assert (shown["task_id"], shown["step"]) == (None, None)
        assert (last["task_id"], last["action"]) == (task["task_id"], "prepare_nodes")
        assert (last["outcome"], last["step"]) == ("failure", "configure_hardware")
        assert "a01-control" in last["cause"]
        assert task["task_id"] in last["remedy"]


async def test_an_unknown_node_is_404(drydock):
    assert (await drydock.get(f"{V1}/nodes/nobody")).status_code == 404


async def build_data(drydock, *rows):
    for generator, text in rows:
        data = BuildData("n1", "t1", timestamp(), generator, "text/plain", text)
        await drydock.app.services.store.write(Put(data))


async def test_build_data_are_listed_newest_first(drydock):
    await build_data(drydock, ("lshw", "old"), ("lldp", "x"), ("lshw", "new"))
    shown = (await drydock.get(f"{V1}/nodes/n1/builddata")).json()
    assert [d["data_element"] for d in shown if d["generator"] == "lshw"] == ["new", "old"]
    assert len(shown) == 3


@pytest.mark.parametrize("latest", ["True", "true", "1", "yes", "", "false&latest=true"])
async def test_latest_shows_one_per_generator_in_order(drydock, latest):
    await build_data(drydock, ("lshw", "old"), ("lldp", "x"), ("lshw", "new"))
    shown = (await drydock.get(f"{V1}/nodes/n1/builddata?latest={latest}")).json()
    assert [(d["generator"], d["data_element"]) for d in shown] == [("lldp", "x"), ("lshw", "new")]


async def test_no_build_data_is_404_and_a_wrong_latest_400(drydock):
    answer = await drydock.get(f"{V1}/nodes/n1/builddata")
    assert (answer.status_code, answer.json()["message"]) == (404, "No build data found")
    assert (await drydock.get(f"{V1}/nodes/n1/builddata?latest=maybe")).status_code == 400


async def test_a_filter_selects_nodes_in_the_order_of_the_design(drydock):
    everybody = (await drydock.post(f"{V1}/nodefilter", {"design_ref": REF})).json()
    assert everybody[:2] == ["a01-control", "a02-compute"]
    wanted = {
        "filter_set_type": "union",
        "filter_set": [{"filter_type": "union", "node_names": ["b01-control", "a01-control"]}],
    }
    answer = await drydock.post(f"{V1}/nodefilter", {"design_ref": REF, "node_filter": wanted})
    assert answer.json() == ["a01-control", "b01-control"]
    again = await asyncio.gather(
        *(drydock.post(f"{V1}/nodefilter", {"design_ref": REF}) for _ in range(5))
    )
    assert all(answer.json() == everybody for answer in again)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Missing input required value: design_ref"),
        ({"design_ref": ""}, "Missing input required value: design_ref"),
        ({"design_ref": {}}, "Missing input required value: design_ref"),
        ({"design_ref": 5}, "design_ref"),
        ({"design_ref": "gopher://x"}, "The design cannot be used"),
        ({"design_ref": "file:///etc/passwd"}, "network.allowed_roots"),
        ({"design_ref": REF + "x"}, "The design cannot be used"),
        ({"design_ref": REF, "node_filter": {}}, "filter_set_type"),
        ({"design_ref": REF, "nodefilter": None}, "did you mean node_filter?"),
    ],
)
async def test_what_cannot_be_filtered_is_400_never_an_empty_list(drydock, body, message):
    answer = await drydock.post(f"{V1}/nodefilter", body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]


async def test_a_design_with_ingest_errors_is_400(drydock, tmp_path):
    (tmp_path / "bad.yaml").write_text("schema: drydock/BaremetalNode/v1\nmetadata: {name: x}\n")
    ref = (tmp_path / "bad.yaml").as_uri()
    assert (await drydock.post(f"{V1}/nodefilter", {"design_ref": ref})).status_code == 400


async def test_a_source_that_is_down_is_503_and_worth_another_try(tmp_path):
    async with daemon(tmp_path, network={"allowed_hosts": ("127.0.0.1",)}) as drydock:
        answer = await drydock.post(f"{V1}/nodefilter", {"design_ref": "http://127.0.0.1:9/x"})
        assert (answer.status_code, answer.json()["retry"]) == (503, True)


async def test_malformed_bodies_are_400(drydock):
    for content in (b"", b"{", b"[]"):
        answer = await drydock.http.post(
            f"{V1}/nodefilter", headers=drydock.admin | JSON, content=content
        )
        assert answer.status_code == 400


async def test_build_data_of_one_generator_can_be_asked_for(drydock):
    store = drydock.app.services.store
    for kind in ("lshw", "lldp"):
        await store.write(Put(BuildData("n1", "t", timestamp(), kind, "text/xml", f"<{kind}/>")))
    shown = (await drydock.get(f"{V1}/nodes/n1/builddata?generator=lldp")).json()
    assert [one["data_element"] for one in shown] == ["<lldp/>"]
    answer = await drydock.get(f"{V1}/nodes/n1/builddata?generator=redfish")
    assert answer.status_code == 404


async def test_a_machine_nobody_adopted_has_the_provisioners_documents(drydock, monkeypatch):
    async def discovered(name):
        return [Document("lshw", "text/xml", "<node/>")] if name == "mac-525400000001" else []

    driver = drydock.app.services.node_driver
    monkeypatch.setattr(type(driver), "discovered", discovered_of(discovered), raising=False)
    answer = await drydock.get(f"{V1}/nodes/mac-525400000001/builddata")
    assert [(r["generator"], r["data_element"]) for r in answer.json()] == [("lshw", "<node/>")]
    other = await drydock.get(f"{V1}/nodes/mac-525400000002/builddata")
    assert other.status_code == 404


def discovered_of(answer):
    async def discovered(self, name):
        return await answer(name)

    return discovered

"""Identity before power, through the API: a mistake in a design is no stranger's power cut."""

import json

from drydockd.room.access import RoomAccess
from tests.handlers.helpers import QUICK, REF, SITE, V1, daemon

MACHINES = [
    {"bmc": f"10.40.0.{10 + n}", "boot_mac": f"52:54:00:40:00:{n:02x}", "power": "on"}
    for n in range(1, 25)
]
PAIR = ["a01-control", "a02-compute"]


def by_name(*names):
    one = {"filter_type": "union", "node_names": list(names)}
    return {"filter_set_type": "union", "filter_set": [one]}


def swapped(folder):
    """The example site, in which the first two nodes have each other's BMC address."""
    text = SITE.read_text(encoding="utf-8")
    one, two = "{network: oob, address: 10.40.0.11}", "{network: oob, address: 10.40.0.12}"
    assert (text.count(one), text.count(two)) == (1, 1)
    file = folder / "swapped.yaml"
    text = text.replace(one, "?").replace(two, one).replace("?", two)
    file.write_text(text, encoding="utf-8")
    return file.as_uri()


async def cuts_by_bmc(count=2):
    """The power cuts of the first machines in the room that the daemon's drivers share."""
    room = RoomAccess(url=None, room="default", config=None, folder=None)
    machines = {m.bmc: m.counters["power_cuts"] for m in await room.port().machines()}
    await room.close()
    return [machines[f"10.40.0.{10 + n}"] for n in range(1, count + 1)]


async def test_a_preparation_with_two_swapped_addresses_cuts_no_power_and_says_which(tmp_path):
    room = QUICK | {"machines": MACHINES}
    async with daemon(tmp_path, fake_driver={"config": room}) as drydock:
        ref = swapped(tmp_path)
        task = await drydock.task(
            action="prepare_nodes", design_ref=ref, node_filter=by_name(*PAIR)
        )

        assert task["result"]["failures"] == PAIR
        assert await cuts_by_bmc() == [0, 0]
        said = [m["message"] for m in task["result"]["details"]["messageList"] if m["error"]]
        assert any("52:54:00:40:00:02 that it tells is that of a02-compute" in t for t in said)

        right = await drydock.task(action="prepare_nodes", node_filter=by_name(*PAIR))
        assert right["result"]["successes"] == PAIR
        assert await cuts_by_bmc() == [1, 1]


async def test_what_a_bmc_told_is_build_data_of_the_node_and_linked_from_its_subtask(tmp_path):
    room = QUICK | {"machines": MACHINES}
    async with daemon(tmp_path, fake_driver={"config": room}) as drydock:
        await drydock.task(action="verify_nodes", node_filter=by_name(PAIR[0]))

        (found,) = (await drydock.get(f"{V1}/nodes/{PAIR[0]}/builddata")).json()
        assert (found["generator"], found["data_format"]) == ("fake", "application/json")
        facts = json.loads(found["data_element"])
        assert (facts["kind"], facts["power"]) == ("BmcFacts", "on")
        assert "52:54:00:40:00:01" in facts["macs"]
        step = (await drydock.get(f"{V1}/tasks/{found['task_id']}")).json()
        (link,) = step["result"]["links"]
        assert link["href"].endswith(f"/tasks/{found['task_id']}/builddata")


async def test_each_power_action_has_a_rule_of_its_own(tmp_path):
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        '"physical_provisioner:create_task": "role:night"\n'
        '"physical_provisioner:power_on_nodes": "role:night"\n',
        encoding="utf-8",
    )
    sections = {"oslo_policy": {"policy_file": str(policy)}}
    async with daemon(tmp_path, **sections) as drydock:
        night = {"X-Auth-Token": drydock.token("night")}
        codes = {}
        for action in ("power_on_nodes", "power_off_nodes", "power_cycle_nodes", "accept_nodes"):
            body = {"action": action, "design_ref": REF, "node_filter": by_name(PAIR[0])}
            answer = await drydock.http.post(f"{V1}/tasks", headers=night, json=body)
            codes[action] = answer.status_code
        assert codes.pop("power_on_nodes") == 201
        assert set(codes.values()) == {403}


async def test_the_power_of_a_whole_site_needs_more_words(tmp_path):
    async with daemon(tmp_path) as drydock:
        body = {"action": "power_off_nodes", "design_ref": REF}
        refused = await drydock.post(f"{V1}/tasks", body)
        assert refused.status_code == 400
        assert "power_off_nodes needs a node_filter" in refused.json()["message"]

import uuid

import pytest

from drydockd.handlers.tasks import canonical
from tests.handlers.helpers import JSON, REF, V1

MARKER = "6f0c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"


async def test_a_created_task_is_answered_whole_and_located(drydock):
    made = await drydock.post(
        f"{V1}/tasks", {"action": "validate_design", "design_ref": REF, "node_filter": None}
    )
    task = made.json()
    assert made.status_code == 201
    assert made.headers["Location"] == f"{V1}/tasks/{task['task_id']}"
    assert uuid.UUID(task["task_id"]).version == 4
    assert (task["kind"], task["apiVersion"], task["status"]) == ("Task", "v1", "queued")
    assert task["created_by"] == "joe"
    assert task["created"].endswith("+00:00")
    ended = await drydock.ended(task["task_id"])
    assert ended["result"]["status"] == "success"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "Task creation requires fields design_ref, action"),
        ({"action": "validate_design"}, "Task creation requires fields design_ref, action"),
        ({"design_ref": REF}, "Unsupported action None"),
        ({"action": "noop", "design_ref": REF}, "Unsupported action noop"),
        ({"action": "power_off_node", "design_ref": REF}, "Unsupported action power_off_node"),
        ({"action": ["x"], "design_ref": REF}, "Unsupported action ['x']"),
        ({"action": "verify_site", "design_ref": 5}, "design_ref: text is required"),
        ({"action": "verify_site", "design_ref": REF, "dry_run": "yes"}, "dry_run: true or false"),
        ({"action": "destroy_nodes", "design_ref": REF}, "destroy_nodes needs a node_filter"),
    ],
)
async def test_what_is_no_task_is_refused_with_the_reason(drydock, body, message):
    answer = await drydock.post(f"{V1}/tasks", body)
    assert answer.status_code == 400
    assert message in answer.json()["message"]
    assert answer.json()["type"] == "error"
    assert (await drydock.get(f"{V1}/tasks")).json() == []


@pytest.mark.parametrize(
    ("node_filter", "key"),
    [
        ({}, "filter_set_type"),
        ([], "node_filter"),
        ("n1", "node_filter"),
        ({"filter_set_type": "union", "filter_sets": []}, "filter_sets"),
        (
            {"filter_set_type": "union", "filter_set": [{"filter_type": "union", "node_name": 1}]},
            "node_name",
        ),
        (
            {
                "filter_set_type": "union",
                "filter_set": [{"filter_type": "union", "node_names": "n1"}],
            },
            "node_names",
        ),
    ],
)
async def test_a_malformed_filter_is_refused_naming_the_key(drydock, node_filter, key):
    answer = await drydock.post(
        f"{V1}/tasks", {"action": "verify_nodes", "design_ref": REF, "node_filter": node_filter}
    )
    assert answer.status_code == 400
    assert key in answer.json()["message"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"5", b"null", b'{"action": "\xff"}', b'{"a":' * 100]
)
async def test_a_body_that_is_no_json_object_is_400(drydock, content):
    answer = await drydock.http.post(f"{V1}/tasks", headers=drydock.admin | JSON, content=content)
    assert (answer.status_code, answer.json()["retry"]) == (400, False)


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded"],
)
async def test_a_body_of_another_type_is_400(drydock, content_type):
    answer = await drydock.http.post(
        f"{V1}/tasks",
        headers=drydock.admin | {"Content-Type": content_type},
        content=b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--x--\r\n',
    )
    assert answer.status_code == 400
    assert "application/json" in answer.json()["message"]


async def test_json_with_a_charset_is_taken(drydock):
    answer = await drydock.http.post(
        f"{V1}/tasks",
        headers=drydock.admin | {"Content-Type": "application/json; charset=utf-8"},
        content=f'{{"action": "validate_design", "design_ref": "{REF}"}}',
    )
    assert answer.status_code == 201


async def test_long_references_and_user_names_are_taken(drydock):
    token = drydock.token("admin", user="a-user-name-well-over-sixteen-characters")
    answer = await drydock.http.post(
        f"{V1}/tasks",
        headers={"X-Auth-Token": token},
        json={"action": "validate_design", "design_ref": REF + "?" + "x" * 500},
    )
    assert answer.status_code == 201
    assert answer.json()["created_by"].endswith("characters")


@pytest.mark.parametrize("name", ["verify_node", "prepare_node", "deploy_node", "relabel_node"])
async def test_the_names_of_the_documentation_are_stored_in_the_plural(drydock, name):
    body = {"action": name, "design_ref": REF, "dry_run": True}
    answer = await drydock.post(f"{V1}/tasks", body)
    assert answer.json()["action"] == f"{name}s"


@pytest.mark.parametrize(
    ("key", "value", "meant"),
    [
        ("nodefilter", {"filter_set_type": "union", "filter_set": []}, "node_filter"),
        ("node-filter", None, "node_filter"),
        ("nodeFilter", None, "node_filter"),
        ("dryrun", True, "dry_run"),
        ("dry-run", True, "dry_run"),
        ("allnodes", True, "all_nodes"),
    ],
)
async def test_a_misspelt_key_makes_no_task_and_is_told_what_it_may_have_meant(
    drydock, key, value, meant
):
    body = {"action": "deploy_nodes", "design_ref": REF, key: value}
    answer = await drydock.post(f"{V1}/tasks", body)
    assert answer.status_code == 400
    assert answer.json()["message"] == (
        f"{key!r}: unknown key, did you mean {meant}? "
        "(known: action, design_ref, node_filter, all_nodes, dry_run)"
    )
    assert (await drydock.get(f"{V1}/tasks")).json() == []


async def test_an_unknown_key_like_none_is_told_what_there_is(drydock):
    body = {"action": "verify_site", "design_ref": REF, "x" * 100_000: 1}
    message = (await drydock.post(f"{V1}/tasks", body)).json()["message"]
    known = "action, design_ref, node_filter, all_nodes, dry_run"
    assert message.endswith(f"xxx...': unknown key (known: {known})")
    assert len(message) < 200


async def test_destroying_all_nodes_has_to_be_said_with_true(drydock):
    body = {"action": "destroy_nodes", "design_ref": REF, "all_nodes": 1}
    answer = await drydock.post(f"{V1}/tasks", body)
    assert answer.json()["message"] == "all_nodes: true or false is required"


async def test_a_misspelt_number_of_days_purges_nothing(drydock):
    await drydock.task(action="validate_design")
    answer = await drydock.http.delete(f"{V1}/tasks", headers=drydock.admin, params={"day": 0})
    assert answer.status_code == 400
    assert "did you mean days?" in answer.json()["message"]
    assert (await drydock.get(f"{V1}/tasks")).json()


async def test_a_dry_run_changes_nothing(drydock):
    answer = await drydock.post(
        f"{V1}/tasks", {"action": "deploy_nodes", "design_ref": REF, "dry_run": True}
    )
    shown = answer.json()
    assert answer.status_code == 200
    assert shown["valid"] is True
    assert set(shown["nodes"]) == set(shown["steps"]) - {""}
    assert (await drydock.get(f"{V1}/tasks")).json() == []


async def test_the_list_holds_whole_tasks_in_order_of_creation(drydock):
    made = [await drydock.task(action="validate_design") for _ in range(3)]
    listed = (await drydock.get(f"{V1}/tasks")).json()
    assert [task["task_id"] for task in listed] == [task["task_id"] for task in made]
    assert listed == made


async def test_the_list_can_be_narrowed_and_paged(drydock):
    await drydock.task(action="validate_design")
    await drydock.task(action="verify_site")

    async def ids(**params):
        answer = await drydock.get(f"{V1}/tasks", params=params)
        assert answer.status_code == 200
        return [task["task_id"] for task in answer.json()]

    everything = await ids()
    assert len(everything) > 2  # verify_site has subtasks
    assert len(await ids(action="verify_site")) == 1
    assert await ids(status="running") == []
    assert await ids(node="nobody") == []
    first = await ids(limit=2)
    assert first + await ids(marker=first[-1]) == everything
    assert await ids(order="newest") == everything[::-1]
    assert await ids(order="oldest") == everything
    tops = await ids(top_level="true", order="newest")
    assert len(tops) == 2
    assert tops[1] == everything[0]
    assert await ids(top_level="true", order="newest", limit=1) == tops[:1]


@pytest.mark.parametrize(
    "params",
    [
        {"status": "done"},
        {"action": "dance"},
        {"limit": "x"},
        {"order": "up"},
        {"top_level": "perhaps"},
        {"limit": "0"},
        {"limit": "-1"},
        {"marker": "no-such-task"},
        {"marker": MARKER},
    ],
)
async def test_a_wrong_narrowing_is_400(drydock, params):
    answer = await drydock.get(f"{V1}/tasks", params=params)
    assert answer.status_code == 400
    assert next(iter(params)) in answer.json()["message"]


async def test_an_action_needs_its_own_permission_too(drydock, tmp_path):
    (tmp_path / "policy.yaml").write_text(
        '"physical_provisioner:create_task": "role:operator"\n'
        '"physical_provisioner:validate_design": "role:operator"\n'
    )
    drydock.app.reload()
    operator = {"X-Auth-Token": drydock.token("operator")}

    async def status(action):
        answer = await drydock.http.post(
            f"{V1}/tasks", headers=operator, json={"action": action, "design_ref": REF}
        )
        return answer.status_code

    assert await status("validate_design") == 201
    assert await status("deploy_nodes") == 403
    assert await status("dance") == 400


@pytest.mark.parametrize("days", ["x", "-1", "1.5", "99999999"])
async def test_purging_refuses_a_wrong_number_of_days(drydock, days):
    answer = await drydock.http.delete(f"{V1}/tasks", headers=drydock.admin, params={"days": days})
    assert answer.status_code == 400


@pytest.mark.parametrize("params", [{}, {"days": "90"}, {"days": "None"}, {"days": ""}])
async def test_purging_spares_what_is_younger(drydock, params):
    await drydock.task(action="validate_design")
    answer = await drydock.http.delete(f"{V1}/tasks", headers=drydock.admin, params=params)
    assert answer.status_code == 200
    assert answer.json() == {
        "message": "Tables purged successfully.",
        "tasks": 0,
        "messages": 0,
        "boot_actions": 0,
    }


async def test_purging_everything_finished(drydock):
    task = await drydock.task(action="validate_design")
    answer = await drydock.http.delete(f"{V1}/tasks", headers=drydock.admin, params={"days": 0})
    assert answer.json()["tasks"] == 1
    assert answer.json()["messages"] > 0
    assert (await drydock.get(f"{V1}/tasks")).json() == []
    assert (await drydock.get(f"{V1}/tasks/{task['task_id']}")).status_code == 404


def test_ids_are_compared_in_their_canonical_form():
    assert canonical(MARKER.upper()) == MARKER
    assert canonical(MARKER.replace("-", "")) == MARKER
    assert canonical("{" + MARKER[:-2] + "}") == "{" + MARKER[:-2] + "}"
    assert canonical("x" * 36) == "x" * 36

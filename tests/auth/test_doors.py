"""Every door of a running daemon: route x method x who knocks, held against one table."""

from dataclasses import dataclass

import pytest

from drydockd.handlers import all_routes
from drydockd.handlers.base import NODE_KEY, OPEN
from tests.handlers.helpers import V1, daemon, raw
from tests.peers.keystone import USERS

NODE, OTHER = "a02-compute", "a03-compute"
ACTION = "first-boot"
TASK = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"

# (method, route) -> rule, and the answer to who passes. Nobody else ever gets that far.
DOORS = {
    ("GET", "/versions"): (OPEN, 200),
    ("GET", "/metrics"): (OPEN, 200),
    ("GET", "/health"): (OPEN, 204),
    ("GET", "/health/extended"): ("health_data", 200),
    ("GET", "/tasks"): ("read_task", 200),
    ("POST", "/tasks"): ("create_task", 400),
    ("DELETE", "/tasks"): ("delete_tasks", 200),
    ("GET", "/tasks/{task_id}"): ("read_task", 404),
    ("GET", "/tasks/{task_id}/builddata"): ("read_build_data", 404),
    ("GET", "/tasks/{task_id}/events"): ("read_task", 404),
    ("POST", "/tasks/{task_id}/terminate"): ("terminate_task", 404),
    ("POST", "/tasks/{task_id}/retry"): ("create_task", 404),
    ("GET", "/nodes"): ("read_data", 200),
    ("GET", "/nodes/{host}"): ("read_data", 200),
    ("GET", "/nodes/{host}/builddata"): ("read_build_data", 404),
    ("POST", "/nodefilter"): ("read_data", 400),
    ("POST", "/validatedesign"): ("validate_site_design", 400),
    ("GET", "/bootdata/{host}/units"): (NODE_KEY, 200),
    ("GET", "/bootdata/{host}/files"): (NODE_KEY, 200),
    ("GET", "/bootactions/nodes/{host}/units"): (NODE_KEY, 200),
    ("GET", "/bootactions/nodes/{host}/files"): (NODE_KEY, 200),
    ("POST", "/bootaction/{action_id}"): (NODE_KEY, 200),
    ("POST", "/bootactions/{action_id}"): (NODE_KEY, 200),
    ("GET", "/designs"): ("read_data", 410),
    ("POST", "/designs"): ("ingest_data", 410),
    ("GET", "/designs/{design_id}"): ("read_data", 410),
    ("GET", "/designs/{design_id}/parts"): ("ingest_data", 410),
    ("POST", "/designs/{design_id}/parts"): ("ingest_data", 410),
    ("GET", "/designs/{design_id}/parts/{kind}"): ("read_data", 410),
    ("GET", "/designs/{design_id}/parts/{kind}/{name}"): ("read_data", 410),
}
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")


@dataclass
class Knocking:
    """Someone before the door: headers, whether known, whether allowed."""

    headers: dict[str, str]
    is_known: bool = False
    is_admin: bool = False


@pytest.fixture
async def drydock(keystone, tmp_path):
    account = {
        "auth_url": keystone.url,
        "username": "drydock",
        "password": USERS["drydock"][0],
        "user_domain_name": "Default",
        "project_name": "service",
        "project_domain_name": "Default",
    }
    auth = {"strategy": ("keystone", "jwt"), "throttle_failures": 100_000}
    async with daemon(tmp_path, auth=auth, keystone_authtoken=account) as running:
        yield running


@pytest.fixture
def people(keystone, drydock):
    user, service = "X-Auth-Token", "X-Service-Token"
    revoked = keystone.token("ann-admin")
    keystone.revoke(revoked)
    spoofed = {
        "X-Identity-Status": "Confirmed",
        "X-Roles": "admin",
        "X-User-Name": "root",
        "X-Service-Identity-Status": "Confirmed",
        "X-Service-Roles": "admin",
    }
    member = keystone.token("max-member")
    return {
        "no token": Knocking({}),
        "spoofed identity headers": Knocking(spoofed),
        "garbage": Knocking({user: "garbage"}),
        "garbage service token": Knocking({service: "garbage"}),
        "expired local token": Knocking({user: drydock.token("admin", ttl=-60)}),
        "revoked token": Knocking({user: revoked}),
        "token in Authorization": Knocking({"Authorization": f"Bearer {drydock.token('admin')}"}),
        "wrong role": Knocking({user: member}, is_known=True),
        "wrong role, spoofed": Knocking({user: member} | spoofed, is_known=True),
        "wrong local role": Knocking({user: drydock.token("member")}, is_known=True),
        "service token": Knocking({service: keystone.token("shipyard")}, is_known=True),
        "wrong role, admin's service": Knocking(
            {user: member, service: keystone.token("ann-admin")}, is_known=True
        ),
        "admin, garbage service": Knocking({user: drydock.token("admin"), service: "garbage"}),
        "right role": Knocking({user: keystone.token("ann-admin")}, True, True),
        "right local role": Knocking({user: drydock.token("admin")}, True, True),
    }


def expected(rule, passing, who):
    if rule == OPEN:
        return passing
    if rule == NODE_KEY or not who.is_known:
        return 401
    return passing if who.is_admin else 403


def address(route, action_id):
    names = {"{host}": NODE, "{task_id}": TASK, "{action_id}": action_id}
    for name, value in (names | dict.fromkeys(("{design_id}", "{kind}", "{name}"), "x")).items():
        route = route.replace(name, value)
    return route if route in ("/versions", "/metrics") else V1 + route


def test_the_table_has_every_door_and_its_rule():
    found = {
        (method, route.pattern.removeprefix(V1)): rule
        for route in all_routes(1, 1).all
        for method, rule in route.handler.policy.items()
    }
    assert found == {door: rule for door, (rule, _) in DOORS.items()}


async def test_a_door_opens_to_whom_the_table_says_and_to_no_one_else(drydock, people):
    deployed = await drydock.deployed(NODE)
    action_id = deployed.actions[ACTION].action_id
    wrong = []
    for (method, route), (rule, passing) in DOORS.items():
        for name, who in people.items():
            answer = await drydock.http.request(
                method, address(route, action_id), headers=who.headers
            )
            if answer.status_code != expected(rule, passing, who):
                wrong.append(f"{method} {route}, {name}: {answer.status_code}")
    assert not wrong, "\n".join(wrong)


async def test_a_key_opens_its_own_doors_and_no_other(drydock):
    deployed = await drydock.deployed(NODE)
    other = await drydock.deployed(OTHER)
    action_id = deployed.actions[ACTION].action_id
    node_key, action_key = deployed.key, deployed.action_keys[ACTION]
    wrong = []
    for (method, route), (rule, passing) in DOORS.items():
        opens = action_key if "{action_id}" in route else node_key
        for key in (node_key, action_key, other.key, other.action_keys[ACTION], "x" * 64):
            body = {"json": {}} if method == "POST" else {}
            answer = await drydock.http.request(
                method, address(route, action_id), headers={"X-Bootaction-Key": key}, **body
            )
            code = passing if rule == OPEN or (rule == NODE_KEY and key == opens) else 401
            code = 403 if rule == NODE_KEY and key != opens else code
            if answer.status_code != code:
                wrong.append(f"{method} {route}: {answer.status_code}, not {code}")
    assert not wrong, "\n".join(wrong)


async def test_a_token_beside_a_wrong_key_does_not_help(drydock):
    await drydock.deployed(NODE)
    headers = drydock.admin | {"X-Bootaction-Key": "0" * 64}
    answer = await drydock.http.get(f"{V1}/bootdata/{NODE}/units", headers=headers)
    assert answer.status_code == 403


async def test_a_token_in_the_query_is_not_a_token(drydock):
    token = drydock.token("admin")
    for name in ("X-Auth-Token", "token", "access_token", "auth_token"):
        answer = await drydock.http.get(f"{V1}/tasks", params={name: token})
        assert answer.status_code == 401


async def test_other_methods_are_refused_to_everyone_and_options_to_no_one(drydock, people):
    wrong = []
    for route in {route for _, route in DOORS}:
        offered = {method for method, path in DOORS if path == route}
        offered |= {"HEAD"} if "GET" in offered else set()
        path = address(route, "01J9ZC7M3W8Q6N2V5R4T1XKPHB")
        for method in set(METHODS) - offered:
            for name in ("no token", "right role"):
                answer = await drydock.http.request(method, path, headers=people[name].headers)
                if answer.status_code != 405:
                    wrong.append(f"{method} {route}, {name}: {answer.status_code}")
        if (await drydock.http.options(path)).status_code != 200:
            wrong.append(f"OPTIONS {route}")
    assert not wrong, "\n".join(wrong)


async def test_head_asks_as_get_does(drydock, people):
    wrong = []
    for method, route in DOORS:
        if method != "GET":
            continue
        for name in ("no token", "wrong role", "right role"):
            path, headers = address(route, "x"), people[name].headers
            get = await drydock.http.get(path, headers=headers)
            head = await drydock.http.head(path, headers=headers)
            if head.status_code != get.status_code or head.content:
                wrong.append(f"{route}, {name}: {get.status_code}, HEAD {head.status_code}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    "path",
    [
        f"{V1}/health/../tasks",
        f"{V1}/health/%2e%2e/tasks",
        f"{V1}//tasks",
        f"//{V1}/tasks",
        f"{V1}/tasks/",
        f"{V1}/tasks//",
        "/versions/../api/v1.0/tasks",
        "/api/v1.0/tasks%2f",
        "/api%2fv1.0%2ftasks",
        "/API/V1.0/TASKS",
        f"{V1}/health;/tasks",
        f"{V1}/tasks%00",
        f"{V1}/bootdata/{NODE}/units/../../../tasks",
        f"{V1}/bootdata/..%2f..%2ftasks/units",
    ],
)
async def test_no_way_of_writing_a_path_leads_around_the_door(drydock, path):
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = await raw(drydock.app.url, request.encode())
    assert answer.split(b" ")[1] in (b"400", b"401", b"404"), answer[:200]


async def test_a_refusal_tells_where_to_log_in(drydock, keystone):
    answer = await drydock.http.get(f"{V1}/tasks")
    assert answer.json() == {"type": "error", "message": "Unauthenticated", "retry": False}
    assert f'Keystone uri="{keystone.url}"' in answer.headers["WWW-Authenticate"]
    token = keystone.token("rita-reader")
    answer = await drydock.http.get(f"{V1}/tasks", headers={"X-Auth-Token": token})
    assert answer.status_code == 403
    assert answer.json() == {"type": "error", "message": "Forbidden", "retry": False}

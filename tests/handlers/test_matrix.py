"""Every door of a running daemon: route x method x who knocks, from the routes' own `policy`.

A new route is held against it without a line here. Whoever may pass gets an answer of the
handler, which its own tests are about; nobody else ever gets that far.
"""

from dataclasses import dataclass

import pytest

from drydockd.handlers import all_routes
from drydockd.handlers.base import NODE_KEY, OPEN
from tests.handlers.helpers import V1, daemon, raw
from tests.peers.keystone import USERS

NODE, OTHER = "a02-compute", "a03-compute"
ACTION = "first-boot"
TASK = "0b6c1c1e-58a2-4d0b-9a2a-1c5d1f0e7a11"
METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH")
PASSED = "passed"

# (method, route) -> what it asks for.
DOORS = {
    (method, route.pattern): rule
    for route in all_routes(1, 1).all
    for method, rule in route.handler.policy.items()
}
# What the original asks, which stays (contract, auth-policy, section 3). Routes of our own are
# not in it.
CONTRACT = {
    "open": ["GET /versions", "GET /health"],
    "health_data": ["GET /health/extended", "GET /status"],
    "read_task": ["GET /tasks", "GET /tasks/{task_id}"],
    "create_task": ["POST /tasks", "POST /tasks/{task_id}/retry"],
    "delete_tasks": ["DELETE /tasks"],
    "terminate_task": ["POST /tasks/{task_id}/terminate"],
    "read_build_data": ["GET /tasks/{task_id}/builddata", "GET /nodes/{host}/builddata"],
    "read_data": [
        "GET /nodes",
        "POST /nodefilter",
        "GET /designs",
        "GET /designs/{design_id}",
        "GET /designs/{design_id}/parts/{kind}",
        "GET /designs/{design_id}/parts/{kind}/{name}",
    ],
    "ingest_data": [
        "POST /designs",
        "GET /designs/{design_id}/parts",
        "POST /designs/{design_id}/parts",
    ],
    "validate_site_design": ["POST /validatedesign"],
    "node key": [
        "GET /bootdata/{host}/units",
        "GET /bootdata/{host}/files",
        "GET /bootactions/nodes/{host}/units",
        "GET /bootactions/nodes/{host}/files",
        "POST /bootaction/{action_id}",
        "POST /bootactions/{action_id}",
    ],
}


@dataclass
class Knocking:
    """Someone before the door: headers, whether known, whether allowed."""

    headers: dict[str, str]
    is_known: bool = False
    is_admin: bool = False


SPOOFED = {
    "X-Identity-Status": "Confirmed",
    "X-Roles": "admin",
    "X-User-Name": "root",
    "X-Service-Identity-Status": "Confirmed",
    "X-Service-Roles": "admin",
}
USER, SERVICE = "X-Auth-Token", "X-Service-Token"


def people(drydock):
    """Who knocks, all with local tokens."""
    admin, member = drydock.token("admin"), drydock.token("member")
    return {
        "no token": Knocking({}),
        "spoofed identity headers": Knocking(SPOOFED),
        "garbage": Knocking({USER: "garbage"}),
        "garbage service token": Knocking({SERVICE: "garbage"}),
        "expired": Knocking({USER: drydock.token("admin", ttl=-3600)}),
        "token in Authorization": Knocking({"Authorization": f"Bearer {admin}"}),
        "wrong role": Knocking({USER: member}, is_known=True),
        "wrong role, spoofed": Knocking({USER: member} | SPOOFED, is_known=True),
        "admin, garbage service": Knocking({USER: admin, SERVICE: "garbage"}),
        "service": Knocking({SERVICE: drydock.token("admin", user="shipyard")}, True, True),
        "right role": Knocking({USER: admin}, True, True),
    }


def people_of(keystone):
    """More of them, whom Keystone knows."""
    revoked = keystone.token("ann-admin")
    keystone.revoke(revoked)
    member, admin = keystone.token("max-member"), keystone.token("ann-admin")
    return {
        "revoked": Knocking({USER: revoked}),
        "Keystone: wrong role": Knocking({USER: member}, is_known=True),
        "Keystone: service": Knocking({SERVICE: keystone.token("shipyard")}, is_known=True),
        "Keystone: wrong role, admin's service": Knocking(
            {USER: member, SERVICE: admin}, is_known=True
        ),
        "Keystone: right role": Knocking({USER: admin}, True, True),
    }


def expected(rule, who):
    if rule == OPEN:
        return PASSED
    if rule == NODE_KEY or not who.is_known:
        return 401
    return PASSED if who.is_admin else 403


def got(answer):
    """The refusal of an answer, or that somebody passed; what failed did not."""
    return answer.status_code if answer.status_code in (401, 403, 405, 500) else PASSED


def address(route, action_id="01J9ZC7M3W8Q6N2V5R4T1XKPHB"):
    names = {"{host}": NODE, "{task_id}": TASK, "{action_id}": action_id}
    for name, value in names.items():
        route = route.replace(name, value)
    path = "/".join("x" if part.startswith("{") else part for part in route.split("/"))
    # That stream would have no end.
    return f"{path}?follow=false" if route == f"{V1}/events" else path


@pytest.fixture
async def drydock(tmp_path):
    # It never slows down: this is about codes.
    async with daemon(tmp_path, auth={"throttle_failures": 100_000}) as running:
        yield running


@pytest.fixture
async def with_keystone(keystone, tmp_path):
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


def test_every_route_of_the_original_asks_its_rule():
    for rule, doors in CONTRACT.items():
        for door in doors:
            method, path = door.split(" ")
            assert DOORS[method, path if path == "/versions" else V1 + path] == rule, door


async def knock(drydock, everybody):
    """The doors that do to somebody what they should not; HEAD as GET."""
    deployed = await drydock.deployed(NODE)
    action_id = deployed.actions[ACTION].action_id
    wrong = []
    for (method, route), rule in DOORS.items():
        for asked in (method, "HEAD") if method == "GET" else (method,):
            for name, who in everybody.items():
                path = address(route, action_id)
                answer = await drydock.http.request(asked, path, headers=who.headers)
                if got(answer) != expected(rule, who) or (asked == "HEAD" and answer.content):
                    wrong.append(f"{asked} {route}, {name}: {answer.status_code}")
    return wrong


async def test_a_door_opens_to_whom_its_policy_says_and_to_no_one_else(drydock):
    wrong = await knock(drydock, people(drydock))
    assert not wrong, "\n".join(wrong)


async def test_a_door_opens_to_whom_keystone_knows(with_keystone, keystone):
    wrong = await knock(with_keystone, people_of(keystone))
    assert not wrong, "\n".join(wrong)


async def test_a_key_opens_its_own_doors_and_no_other(drydock):
    deployed = await drydock.deployed(NODE)
    other = await drydock.deployed(OTHER)
    action_id = deployed.actions[ACTION].action_id
    node_key, action_key = deployed.key, deployed.action_keys[ACTION]
    wrong = []
    for (method, route), rule in DOORS.items():
        opens = action_key if "{action_id}" in route else node_key
        for key in (node_key, action_key, other.key, other.action_keys[ACTION], "x" * 64):
            body = {"json": {}} if method == "POST" else {}
            answer = await drydock.http.request(
                method, address(route, action_id), headers={"X-Bootaction-Key": key}, **body
            )
            code = PASSED if rule == OPEN or (rule == NODE_KEY and key == opens) else 401
            code = 403 if rule == NODE_KEY and key != opens else code
            if got(answer) != code:
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


async def test_other_methods_are_refused_to_everyone_and_options_to_no_one(drydock):
    everybody = people(drydock)
    wrong = []
    for route in {route for _, route in DOORS}:
        offered = {method for method, path in DOORS if path == route}
        offered |= {"HEAD"} if "GET" in offered else set()
        path = address(route)
        for method in set(METHODS) - offered:
            for name in ("no token", "right role"):
                answer = await drydock.http.request(method, path, headers=everybody[name].headers)
                if answer.status_code != 405:
                    wrong.append(f"{method} {route}, {name}: {answer.status_code}")
        if (await drydock.http.options(path)).status_code != 200:
            wrong.append(f"OPTIONS {route}")
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


async def test_a_refusal_tells_where_to_log_in(with_keystone, keystone):
    drydock = with_keystone
    answer = await drydock.http.get(f"{V1}/tasks")
    assert answer.json() == {
        "type": "error",
        "message": "Unauthenticated",
        "retry": False,
        "description": "no token: send one in X-Auth-Token",
    }
    assert f'Keystone uri="{keystone.url}"' in answer.headers["WWW-Authenticate"]
    token = keystone.token("rita-reader")
    answer = await drydock.http.get(f"{V1}/tasks", headers={"X-Auth-Token": token})
    assert answer.status_code == 403
    assert answer.json() == {"type": "error", "message": "Forbidden", "retry": False}


@pytest.mark.parametrize(
    ("user", "service", "expected"),
    [
        (("admin",), ("member",), 200),
        (("member",), ("admin",), 403),
        (("admin",), None, 401),
        (None, ("admin",), 200),
    ],
)
async def test_a_service_token_beside_a_users(drydock, user, service, expected):
    # None stands for an invalid token.
    headers = {
        "X-Auth-Token": drydock.token(*user) if user else "garbage",
        "X-Service-Token": drydock.token(*service, user="shipyard") if service else "garbage",
    }
    answer = await drydock.http.get(f"{V1}/tasks", headers=headers)
    assert answer.status_code == expected

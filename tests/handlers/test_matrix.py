"""Route x method x identity, one expected code each; a route without a line fails."""

import pytest

from drydockd.handlers import all_routes
from drydockd.model import BootActionStatus
from tests.handlers.helpers import REF, V1, daemon

NODE = "a01-control"
NOBODY = "3b3cf5f2-8c0a-4c4b-9d0e-6f2a1f6f0e55"
IDENTITIES = ("none", "garbage", "expired", "wrong role", "right role", "service", "node key")

# What each identity gets. `open`: no identity asked; `policy`: the right role gets `right`;
# `key`: only the node's (or the action's own) key opens it.
OPEN, POLICY, KEY = "open", "policy", "key"
TASK = f"{V1}/tasks/{{task_id}}"
CREATE = {"action": "validate_design", "design_ref": REF}
EXPECTED = {
    ("GET", "/versions"): (OPEN, 200),
    ("GET", "/metrics"): (OPEN, 200),
    ("GET", f"{V1}/health"): (OPEN, 204),
    ("GET", f"{V1}/health/extended"): (POLICY, 200),
    ("GET", f"{V1}/tasks"): (POLICY, 200),
    ("POST", f"{V1}/tasks"): (POLICY, 201, CREATE),
    ("DELETE", f"{V1}/tasks"): (POLICY, 200),
    ("GET", TASK): (POLICY, 404),
    ("GET", TASK + "/builddata"): (POLICY, 404),
    ("GET", TASK + "/events"): (POLICY, 404),
    ("POST", TASK + "/terminate"): (POLICY, 404),
    ("POST", TASK + "/retry"): (POLICY, 404),
    ("GET", f"{V1}/nodes"): (POLICY, 200),
    ("GET", f"{V1}/nodes/{{host}}"): (POLICY, 200),
    ("GET", f"{V1}/nodes/{{host}}/builddata"): (POLICY, 404),
    ("POST", f"{V1}/nodefilter"): (POLICY, 200, {"design_ref": REF}),
    ("POST", f"{V1}/validatedesign"): (POLICY, 200, {"href": REF}),
    ("GET", f"{V1}/bootdata/{{host}}/units"): (KEY, 200),
    ("GET", f"{V1}/bootdata/{{host}}/files"): (KEY, 200),
    ("GET", f"{V1}/bootactions/nodes/{{host}}/units"): (KEY, 200),
    ("GET", f"{V1}/bootactions/nodes/{{host}}/files"): (KEY, 200),
    ("POST", f"{V1}/bootaction/{{action_id}}"): (KEY, 200, {}),
    ("POST", f"{V1}/bootactions/{{action_id}}"): (KEY, 200, {}),
    ("GET", f"{V1}/designs"): (POLICY, 410),
    ("POST", f"{V1}/designs"): (POLICY, 410, {}),
    ("GET", f"{V1}/designs/{{design_id}}"): (POLICY, 410),
    ("GET", f"{V1}/designs/{{design_id}}/parts"): (POLICY, 410),
    ("POST", f"{V1}/designs/{{design_id}}/parts"): (POLICY, 410, {}),
    ("GET", f"{V1}/designs/{{design_id}}/parts/{{kind}}"): (POLICY, 410),
    ("GET", f"{V1}/designs/{{design_id}}/parts/{{kind}}/{{name}}"): (POLICY, 410),
}


def code(kind: str, identity: str, right: int) -> int:
    if kind == OPEN:
        return right
    if kind == KEY:
        return right if identity == "node key" else 401
    return {"right role": right, "service": right, "wrong role": 403}.get(identity, 401)


def test_every_route_and_method_has_a_line():
    served = {
        (method, route.pattern) for route in all_routes(1, 1).all for method in route.handler.policy
    }
    assert served == set(EXPECTED)


@pytest.mark.parametrize("identity", IDENTITIES)
async def test_who_may_what(tmp_path, identity):
    # Given a daemon that never slows down (this is about codes), and a deployed node
    async with daemon(tmp_path, auth={"throttle_failures": 100_000}) as drydock:
        node = await drydock.deployed(NODE)
        row = next(r for r in node.actions.values() if r.status is BootActionStatus.INCOMPLETE)
        wrong = {}
        for (method, pattern), (kind, right, *body) in EXPECTED.items():
            key = node.action_keys[row.name] if "action_id" in pattern else node.key
            headers = {
                "none": {},
                "garbage": {"X-Auth-Token": "garbage"},
                "expired": {"X-Auth-Token": drydock.token("admin", ttl=-3600)},
                "wrong role": {"X-Auth-Token": drydock.token("member")},
                "right role": {"X-Auth-Token": drydock.token("admin")},
                "service": {"X-Service-Token": drydock.token("admin", user="shipyard")},
                "node key": {"X-Bootaction-Key": key},
            }[identity]
            path = pattern.format(
                task_id=NOBODY,
                host=NODE,
                action_id=row.action_id,
                design_id="d",
                kind="k",
                name="n",
            )
            # When each route is asked, and its HEAD where it has one
            options = {"json": body[0]} if body else {}
            answer = await drydock.http.request(method, path, headers=headers, **options)
            expected = code(kind, identity, right)
            if answer.status_code != expected:
                wrong[method, pattern] = (answer.status_code, expected)
            if method == "GET":
                head = await drydock.http.head(path, headers=headers)
                if head.status_code != expected:
                    wrong["HEAD", pattern] = (head.status_code, expected)
        # Then each code is the expected one.
        assert wrong == {}


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

"""drydock status."""

import json

from drydockd.api.status import Status
from drydockd.cli.status import MOST, screen
from tests.api.examples import STATUS, TASK_ID, TIME

V1 = "/api/v1.0"


def test_status_is_one_screen_or_json(drydock, server):
    server.answers[f"GET {V1}/status"] = (200, STATUS)
    assert drydock("status").stdout.splitlines() == [
        f"drydockd     0.1.0, up 1:01:40, since {TIME}",
        "store        up",
        "provisioner  down: refused",
        "keystone     not configured",
        "warning      api.tls_cert ends tomorrow",
        "tasks        1 under way",
        f"  {TASK_ID} deploy_nodes running, 3 nodes, 1 passed, 1 failed, in deploy_node, "
        f"since {TIME}",
        "failed       2 nodes",
        "  2 at deploy_node: n1, n2",
        "    n1: broke",
        "    to do: mend it",
    ]
    assert json.loads(drydock("status", "-o", "json").stdout) == STATUS


def test_a_thousand_failed_nodes_still_fit_on_one_screen():
    failed = STATUS["failures"][0] | {"nodes": ["n"] * 1000, "count": 1000}
    many = {"failures": [failed] * 100, "tasks": STATUS["tasks"] * 100}
    lines = list(screen(Status.model_validate(STATUS | many)))
    assert len(lines) == 9 + MOST * 4
    assert lines[-1] == "  and 92 more: -o json has all"
    assert max(map(len, lines)) < 200

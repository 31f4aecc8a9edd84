"""drydock node drift."""

import json

import pytest

from tests.api.examples import BUILD_DATA
from tests.cli.test_bmc import CHILD, FACTS, T, ended, posted
from tests.client.helpers import a_task

V1 = "/api/v1.0"
ONE = {
    "what": "disk sda",
    "wanted": "serial A\x1b[2J",
    "found": "not there",
    "source": "deployment",
}


@pytest.fixture
def told(server):
    """A daemon whose verify_nodes keeps `server.drift` of n1, and facts of its BMC."""

    def shown(asked):
        if "layers" not in asked.query:
            return 200, server.task
        records = [
            BUILD_DATA | {
                "node_name": "n1", "generator": generator, "data_format": "application/json",
                "data_element": json.dumps(element),
            }
            for generator, element in (("redfish", FACTS), ("drift", server.drift))
            if element
        ]  # fmt: skip
        child = ended("n1") | {"task_id": CHILD, "build_data": records}
        return 200, {"init_task_id": T, T: server.task | {"build_data": []}, CHILD: child}

    server.task = ended("n1")
    server.drift = {"kind": "Drift", "deployment_id": "d1", "differences": [], "absent": []}
    server.answers[f"POST {V1}/tasks"] = (201, a_task())
    server.answers[f"GET {V1}/tasks/{T}"] = shown
    return server


def asked(drydock, *arguments):
    return drydock("node", "drift", *arguments, "--site", "file:///site.yaml")


def test_a_node_that_does_not_differ_is_a_status_of_zero(drydock, told):
    told.drift["absent"] = ["memory", "BMC address"]
    done = asked(drydock, "n1")
    assert (done.exit_code, done.stdout) == (
        0,
        "n1: no differences\nn1: not told, so not compared: memory, BMC address\n",
    )
    (body,) = posted(told)
    assert (body["action"], body["design_ref"]) == ("verify_nodes", "file:///site.yaml")


def test_differences_are_a_table_and_a_status_of_one(drydock, told):
    told.drift["differences"] = [ONE]
    done = asked(drydock, "n1")
    assert done.exit_code == 1
    (row,) = [line for line in done.stdout.splitlines() if line.startswith("| n1")]
    for cell in ("disk sda", "serial A?[2J", "not there", "deployment"):
        assert cell in row


def test_json_has_every_node_with_what_was_found(drydock, told):
    told.drift |= {"differences": [ONE], "left_out": 3}
    done = asked(drydock, "n1", "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [
        {"node": "n1", "compared": True, "differences": [ONE], "absent": [], "left_out": 3,
         "errors": []}
    ]  # fmt: skip
    assert "n1: differs in 3 more" in asked(drydock, "n1").stdout


def test_a_node_that_is_not_deployed_is_said_not_to_be_compared(drydock, told):
    told.drift = None
    done = asked(drydock)
    assert done.exit_code == 0
    assert "n1: not compared: it is not deployed" in done.stdout


def test_a_node_that_could_not_be_asked_is_a_status_of_three(drydock, told):
    message = {"message": "Node n2 failed: no answer", "context": "n2"}
    told.task = ended("n1", failed=["n2"], messages=[message])
    done = asked(drydock, "n1", "n2")
    assert done.exit_code == 3
    assert "n2: Node n2 failed: no answer" in done.stderr

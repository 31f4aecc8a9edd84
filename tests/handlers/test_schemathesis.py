"""Somebody else reads the API document and asks for all it says, and for much that it does not."""

import copy

import pytest

from tests.docs.pages import ROOT
from tests.handlers.answers import DOCUMENT
from tests.handlers.helpers import daemon
from tests.peers.schemathesis import cases, examine

pytestmark = [
    pytest.mark.peer("schemathesis"),
    pytest.mark.process,
    pytest.mark.slow,
]
NODE = "a02-compute"


@pytest.fixture
async def asked(tmp_path):
    """A daemon with a task, a deployed node and a boot action; what to examine it with."""
    # Without nodes, as it is judged hundreds of times.
    design = tmp_path / "design.yaml"
    design.write_bytes((ROOT / "tests/data/designs/no-nodes/site.yaml").read_bytes())
    async with daemon(tmp_path, auth={"throttle_failures": 100_000}) as drydock:
        task = await drydock.task(action="validate_design", design_ref=design.as_uri())
        deployed = await drydock.deployed(NODE)
        [action, *_] = deployed.actions.values()
        real = {
            "task_id": task["task_id"],
            "host": NODE,
            "action_id": action.action_id,
            "key": deployed.key,
            "design_ref": design.as_uri(),
        }
        folder = tmp_path / "schemathesis"
        folder.mkdir()
        headers = {"X-Auth-Token": drydock.token("admin", ttl=3600)}
        yield folder, drydock.app.url, headers, real


async def test_every_answer_to_whatever_is_asked_is_as_the_document_says(asked):
    folder, url, headers, real = asked
    verdict = await examine(folder, DOCUMENT, url, headers, real)
    assert verdict.code == 0, verdict.said[-6000:]
    generated, passed = cases(verdict)
    assert passed == generated > 500


async def test_a_document_that_lies_is_found_out(asked):
    folder, url, headers, real = asked
    lying = copy.deepcopy(DOCUMENT)
    only = lying["paths"]["/versions"]
    only["get"]["responses"]["200"]["content"]["application/json"]["schema"] = {"type": "array"}
    lying["paths"] = {"/versions": only}
    verdict = await examine(folder, lying, url, headers, real)
    assert verdict.code == 1, verdict.said[-3000:]
    assert "/versions" in verdict.said

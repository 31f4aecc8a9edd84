"""drydock bmc."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from drydockd.cli import bmc as bmc_commands
from drydockd.cli.root import cli
from tests.api.examples import BUILD_DATA, NODE
from tests.client.helpers import a_task
from tests.handlers.helpers import QUICK, REF, daemon

V1 = "/api/v1.0"
T = "77ad2a44-0c7c-4a3a-8a4f-2d7a5a7b6c22"
CHILD = "0f1d2c3b-4a59-4687-9f6e-5d4c3b2a1f0e"
FACTS = {
    "kind": "BmcFacts",
    "power": "on",
    "boot_device": "network, once",
    "vendor": "Keel",
    "model": "K1",
    "serial": "A1",
    "firmware": "2.10",
    "tls": "TLSv1.3, not verified",
    "seconds": 0.041,
    "odd": ["its clock is \x1b[2J 3 hours behind"],
}


def ended(*passed, failed=(), messages=()):
    result = "failure" if failed and not passed else "success"
    task = a_task("complete", "partial_success" if passed and failed else result, messages)
    task["result"] = task["result"] | {"successes": list(passed), "failures": list(failed)}
    return task


@pytest.fixture
def bmc(server):
    """A daemon that knows n1, whose BMC told FACTS."""
    record = BUILD_DATA | {
        "node_name": "n1",
        "generator": "redfish",
        "data_format": "application/json",
        "data_element": json.dumps(FACTS),
    }

    def shown(asked):
        if "layers" not in asked.query:
            return 200, server.task
        child = ended("n1") | {"task_id": CHILD, "build_data": [record]}
        return 200, {"init_task_id": T, T: server.task | {"build_data": []}, CHILD: child}

    server.task = ended("n1")
    server.answers[f"POST {V1}/tasks"] = (201, a_task())
    server.answers[f"GET {V1}/tasks/{T}"] = shown
    server.answers[f"GET {V1}/nodes"] = (200, [NODE | {"hostname": "n1", "status_name": "Ready"}])
    server.answers[f"GET {V1}/nodes/n1/builddata"] = (200, [record])
    return server


def posted(server):
    return [asked.json for asked in server.asked if asked.method == "POST"]


def test_check_shows_what_the_bmc_tells_and_what_is_odd(drydock, bmc):
    done = drydock("bmc", "check", "n1", "--site", "file:///site.yaml")
    assert done.exit_code == 0, done.output
    row = next(line for line in done.stdout.splitlines() if line.startswith("| n1"))
    for cell in ("success", "on", "network, once", "A1", "Keel K1", "2.10", "TLSv1.3", "0.041"):
        assert cell in row
    assert "n1: its clock is ?[2J 3 hours behind" in done.stdout
    (body,) = posted(bmc)
    assert (body["action"], body["design_ref"]) == ("verify_nodes", "file:///site.yaml")
    assert body["node_filter"]["filter_set"] == [{"filter_type": "union", "node_names": ["n1"]}]
    assert "all_nodes" not in body


@pytest.mark.parametrize(
    ("facts", "shown"),
    [
        ({"serial": "S1", "uuid": "u-1", "macs": ["m1"]}, "S1"),
        ({"serial": None, "uuid": "u-1", "macs": ["m1"]}, "u-1"),
        ({"macs": ["m1", "m2"]}, "m1"),
        ({}, ""),
    ],
)
def test_a_machine_is_shown_by_the_best_that_tells_it_from_others(facts, shown):
    assert bmc_commands._flat(facts)["identity"] == shown


def test_check_as_json_has_every_fact_under_the_name_of_the_node(drydock, bmc):
    done = drydock("bmc", "check", "n1", "-d", "file:///site.yaml", "-o", "json")
    (row,) = json.loads(done.stdout)
    assert row == {"node": "n1", "result": "success", "errors": [], "generator": "redfish", **FACTS}


def test_without_nodes_a_whole_site_is_checked(drydock, bmc):
    drydock("bmc", "check", "--site", "file:///site.yaml")
    (body,) = posted(bmc)
    assert "node_filter" not in body


def test_without_a_site_the_design_is_that_of_the_nodes_last_task(drydock, bmc):
    assert drydock("bmc", "check", "n1").exit_code == 0
    assert posted(bmc)[0]["design_ref"] == "file:///srv/site/site.yaml"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check",), "name nodes, or give --site"),
        (("check", "n9"), "no task told of n9 yet which design it is in; give --site"),
        (("accept", "--site", "x"), "name the nodes whose hardware was replaced"),
        (("power", "off"), "name nodes, or give --site"),
    ],
)
def test_what_is_missing_is_named_and_nothing_is_done(drydock, bmc, arguments, words):
    done = drydock("bmc", *arguments)
    assert done.exit_code == 2
    assert words in done.stderr
    assert posted(bmc) == []


def test_a_bmc_that_fails_is_a_status_of_three_and_says_why(drydock, bmc):
    message = {"message": "Node n2 failed: no answer", "context": "n2"}
    bmc.task = ended("n1", failed=["n2"], messages=[message])
    done = drydock("bmc", "check", "n1", "n2", "--site", "file:///site.yaml")
    assert done.exit_code == 3
    assert "n2: Node n2 failed: no answer" in done.stdout


def test_a_node_that_the_design_does_not_have_is_a_status_of_three(drydock, bmc):
    done = drydock("bmc", "check", "n1", "n9", "--site", "file:///site.yaml")
    assert done.exit_code == 3
    assert "not in the design file:///site.yaml: n9" in done.stderr


def test_a_task_that_fails_for_all_says_so(drydock, bmc):
    message = {"message": "the design is gone", "context": T, "context_type": "task"}
    bmc.task = a_task("complete", "failure", [message])
    done = drydock("bmc", "power", "on", "n1", "--site", "file:///site.yaml")
    assert done.exit_code == 3
    assert done.stderr == "Error: the design is gone\n"


@pytest.mark.parametrize("verb", ["on", "off", "cycle"])
def test_power_asks_the_daemon_and_prints_each_node(drydock, bmc, verb):
    done = drydock("bmc", "power", verb, "n1", "--site", "file:///site.yaml")
    assert (done.exit_code, done.stdout) == (0, "n1: success\n")
    assert posted(bmc)[0]["action"] == f"power_{verb}_nodes"


def test_power_as_json_is_the_task(drydock, bmc):
    done = drydock("bmc", "power", "on", "n1", "--site", "file:///site.yaml", "-o", "json")
    assert json.loads(done.stdout)["task_id"] == T


@pytest.mark.parametrize("verb", ["off", "cycle"])
def test_the_power_of_a_deployed_node_is_cut_only_by_who_says_so(drydock, bmc, verb):
    bmc.answers[f"GET {V1}/nodes"] = (200, [NODE | {"hostname": "n1"}])
    call = ("bmc", "power", verb, "n1", "--site", "file:///site.yaml")

    refused = drydock(*call)
    assert refused.exit_code == 1
    assert f"Power {verb} n1. Deployed: n1. Go on?" in refused.stderr
    assert posted(bmc) == []
    assert drydock(*call, "--yes").exit_code == 0


def test_powering_on_asks_nothing(drydock, bmc):
    bmc.answers[f"GET {V1}/nodes"] = (200, [NODE | {"hostname": "n1"}])
    assert drydock("bmc", "power", "on", "n1", "--site", "file:///site.yaml").exit_code == 0


def test_where_it_cannot_be_told_what_is_deployed_it_is_asked(drydock, bmc):
    bmc.answers[f"GET {V1}/nodes"] = (503, {"message": "MAAS is away"})
    done = drydock("bmc", "power", "off", "n1", "--site", "file:///site.yaml")
    assert done.exit_code == 1
    assert "Which nodes are deployed cannot be told" in done.stderr


def test_a_whole_site_is_powered_off_only_by_who_says_so(drydock, bmc):
    bmc.answers[f"POST {V1}/nodefilter"] = (200, ["n1", "n2"])
    call = ("bmc", "power", "off", "--site", "file:///site.yaml")
    refused = drydock(*call)
    assert "Power off all 2 nodes of file:///site.yaml. None of them is deployed" in refused.stderr
    drydock(*call, "-y")
    assert posted(bmc)[-1]["all_nodes"] is True


async def test_the_commands_drive_a_real_daemon(tmp_path):
    room = QUICK | {"faults": [{"fault": "bmc_denied", "machines": ["a01-compute01"]}]}
    async with daemon(tmp_path, fake_driver={"config": room}) as running:
        options = ["--url", running.app.url, "--os-token", running.token("admin")]

        async def drydock(*arguments):
            return await asyncio.to_thread(CliRunner().invoke, cli, [*options, "bmc", *arguments])

        done = await drydock("check", "--site", REF, "-o", "json")
        rows = {row["node"]: row for row in json.loads(done.stdout)}
        assert rows["a01-control"]["generator"] == "fake"
        assert len({row.get("serial") for row in rows.values()}) > 10

        done = await drydock("power", "on", "a01-control")
        assert (done.exit_code, done.stdout) == (0, "a01-control: success\n"), done.output
        done = await drydock("check", "a01-control")
        assert done.exit_code == 0
        assert " on " in done.stdout
        done = await drydock("accept", "a01-control", "-o", "json")
        assert json.loads(done.stdout)[0]["accepted"]
        done = await drydock("power", "off", "a01-control", "-o", "json")
        assert json.loads(done.stdout)["result"]["status"] == "success"

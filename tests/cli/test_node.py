"""drydock node."""

import json

import yaml

from drydockd.cli import bmc, node
from tests.api import examples as ex

V1 = "/api/v1.0"
NODE = ex.NODE | {"hostname": "n1", "power_address": None}


def test_list_is_a_table_with_its_columns_in_order_or_json(drydock, server):
    server.answers[f"GET {V1}/nodes"] = (200, [NODE])
    lines = drydock("node", "list").stdout.splitlines()
    titles = [cell.strip() for cell in lines[1].strip("|").split("|")]
    assert titles == ["Node Name", "Status", "CPUs", "Memory", "PXE MAC", "Mgmt IP", "IPMI IP",
                      "Power State"]  # fmt: skip
    cells = [cell.strip() for cell in lines[3].strip("|").split("|")]
    assert cells == ["n1", "Deployed", "32", "131072", "52:54:00:aa:bb:cc", "10.1.2.7", "", "on"]
    assert json.loads(drydock("node", "list", "-o", "json").stdout) == [NODE]


def test_list_shows_the_nodes_of_a_design_that_the_provisioner_does_not_know(drydock, server):
    server.answers[f"GET {V1}/nodes"] = (200, [NODE])
    server.answers[f"POST {V1}/nodefilter"] = (200, ["n1", "n2"])
    shown = json.loads(drydock("node", "list", "--design", "ref", "-o", "json").stdout)
    assert [(node["hostname"], node["status_name"]) for node in shown] == [
        ("n1", "Deployed"),
        ("n2", "Unknown"),
    ]
    assert set(shown[1]) == set(NODE)
    assert server.asked[1].json == {"design_ref": "ref"}
    assert "| n2 " in drydock("node", "list", "--design", "ref").stdout


def test_a_format_nobody_knows_is_wrong_usage(drydock, server):
    result = drydock("node", "list", "-o", "tabel")
    assert result.exit_code == 2
    assert server.asked == []


def test_build_data_are_the_latest_unless_asked(drydock, server):
    data = [ex.BUILD_DATA]
    server.answers[f"GET {V1}/nodes/n1/builddata"] = (200, data)
    assert yaml.safe_load(drydock("node", "builddata", "n1").stdout) == data
    assert json.loads(drydock("node", "builddata", "n1", "--no-latest", "-o", "json").stdout)
    assert [a.query["latest"] for a in server.asked] == ["True", "False"]


def test_show_prints_what_a_node_does(drydock, server):
    server.answers[f"GET {V1}/nodes/n1"] = (200, ex.NODE_VIEW)
    shown = drydock("node", "show", "n1").stdout
    assert "\nwaiting_for: the provisioner\n" in shown
    assert yaml.safe_load(shown) == ex.NODE_VIEW


def test_filter_prints_the_names(drydock, server):
    server.answers[f"POST {V1}/nodefilter"] = (200, ["n2", "n1"])
    assert drydock("node", "filter", "-d", "ref", "-t", "masters").stdout == "n2\nn1\n"
    assert server.asked[0].json["node_filter"]["filter_set"][0]["node_tags"] == ["masters"]
    assert drydock("node", "filter", "-d", "ref", "-o", "json").stdout == '["n2", "n1"]\n'
    assert "node_filter" not in server.asked[1].json


def test_a_node_that_does_not_exist_is_named_with_the_nearest_and_the_exit_code_is_3(
    drydock, server
):
    server.answers[f"POST {V1}/nodefilter"] = [(200, ["node1"]), (200, ["node1", "node2"])]

    result = drydock("node", "filter", "-d", "ref", "-n", "node1,nod2,node2")

    assert (result.exit_code, result.stdout) == (3, "node1\n")
    # The second one exists; something else in the filter leaves it out.
    assert result.stderr == (
        "Error: node_filter: no node of the design is called nod2; did you mean node2?\n"
    )


def test_the_list_has_the_columns_and_the_order_asked_for(drydock, server):
    nodes = [NODE, NODE | {"hostname": "n2", "memory": 64}, NODE | {"hostname": "n0"}]
    server.answers[f"GET {V1}/nodes"] = (200, nodes)
    lines = drydock("node", "list", "--columns", "hostname,memory", "--sort", "memory").stdout
    assert [line.strip("|").split() for line in lines.splitlines()[3:-1]] == [
        ["n2", "|", "64"],
        ["n1", "|", "131072"],
        ["n0", "|", "131072"],
    ]


def test_power_of_a_node_is_that_of_its_bmc():
    assert node.command.commands["power"] is bmc.command.commands["power"]

"""The dashboard: what Grafana can read, and no panel asks for what no daemon tells."""

import json
import re
import subprocess
from itertools import combinations

import pytest
import yaml

from tests.docs import dashboard

NAME = re.compile(r"\b(?:drydockd?|python)_\w+")
SELECTED = re.compile(r"\b((?:drydockd?|python)_\w+)\{([^}]*)\}")
GROUPED = re.compile(r"\bby \(([^)]*)\)")
# What a scrape adds, and what a histogram has.
ADDED = {"instance", "job", "le"}
KINDS = {"row", "stat", "timeseries"}


@pytest.fixture(scope="module")
def model():
    return json.loads(dashboard.FILE.read_text(encoding="utf-8"))


def expressions(model):
    """Where it stands, and the expression as Prometheus gets it."""
    found = [
        (f"{panel['title']}, {target['legendFormat']}", target["expr"])
        for panel in model["panels"]
        for target in panel.get("targets", ())
    ]
    found += [(one["name"], one["expr"]) for one in model["annotations"]["list"]]
    assert len(found) > 20
    return [
        (where, text.replace("$__rate_interval", "5m").replace("$instance", ".*"))
        for where, text in found
    ]


def family(name, exported):
    """What is documented and typed: a histogram's numbers are of its family."""
    plain = re.sub(r"_(bucket|sum|count)$", "", name)
    return plain if exported.get(plain, ("",))[0] == "histogram" else name


def test_the_dashboard_is_that_of_the_table():
    shipped = dashboard.FILE.read_text(encoding="utf-8")
    assert shipped == dashboard.page(), "write it anew: python -m tests.docs"


def test_it_has_what_grafana_knows_it_by(model):
    assert model["uid"] == "drydockd"
    assert model["title"]
    assert model["schemaVersion"] >= 36
    ids = [panel["id"] for panel in model["panels"]]
    assert len(ids) == len(set(ids))
    for panel in model["panels"]:
        assert panel["type"] in KINDS
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["description"].endswith("."), panel["title"]
            assert panel["datasource"] == dashboard.SOURCE
            refs = [target["refId"] for target in panel["targets"]]
            assert refs
            assert len(refs) == len(set(refs))
    (source, instance) = model["templating"]["list"]
    assert f"${{{source['name']}}}" == dashboard.SOURCE["uid"]
    assert f"${instance['name']}" in dashboard.CHOSEN


def test_no_panel_covers_another_or_leaves_the_page(model):
    places = [(panel["title"], panel["gridPos"]) for panel in model["panels"]]
    for title, place in places:
        assert place["x"] >= 0, title
        assert place["x"] + place["w"] <= dashboard.COLUMNS, title
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, f"{one} and {other}"


async def test_every_expression_asks_for_what_a_daemon_tells(model, exported):
    wrong = []
    for where, text in expressions(model):
        # The words of units and groups are none of these; names of metrics are all that are left.
        names = {family(name, exported) for name in NAME.findall(text)}
        wrong += [f"{where}: no daemon exports {name}" for name in names - exported.keys()]
        known = ADDED.union(*(exported[name][1] or () for name in names & exported.keys()))
        asked = {
            label
            for _, inside in SELECTED.findall(text)
            for label in re.findall(r"(\w+)\s*[=!]", inside)
        }
        asked |= {label.strip() for inside in GROUPED.findall(text) for label in inside.split(",")}
        # None has a number just now: nobody can say which labels it would have.
        if all(exported[name][1] is not None for name in names & exported.keys()):
            wrong += [f"{where}: no label {label}" for label in asked - known]
    assert not wrong, "\n".join(wrong)


@pytest.mark.process
@pytest.mark.peer("prometheus")
def test_prometheus_understands_every_expression(model, tmp_path):
    rules = [
        {"record": f"panel:{number}", "expr": text}
        for number, (_, text) in enumerate(expressions(model))
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


async def test_every_number_of_the_daemon_that_tells_of_work_has_a_panel(model, exported):
    shown = {
        family(name, exported) for _, text in expressions(model) for name in NAME.findall(text)
    }
    unseen = {name for name in exported if name.startswith("drydock")} - shown
    assert unseen == {
        "drydock_auth_tracked_addresses",
        "drydock_build_info",
        "drydock_process_virtual_memory_bytes",
    }

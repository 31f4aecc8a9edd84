import json

import pytest

from drydockd.cli.design_report import Report, sarif
from drydockd.cli.design_source import load
from drydockd.design.rules import all_rules
from drydockd.design.validate import validate
from drydockd.site import DocumentRef, Finding, Level
from tests.cli.designs import SMALL, drydock, line_of
from tests.designs import on_designs
from tests.sites.folder import on_site_files

KINDS = {"error": "fail", "warning": "fail", "none": "pass"}


@pytest.fixture
def design(tmp_path):
    file = tmp_path / "a site.yaml"
    file.write_text(SMALL.replace("10.9.0.12", "10.9.0.11"))
    return load(str(file))


@pytest.mark.parametrize("path", [*on_designs(), *on_site_files()])
def test_sarif_of_a_whole_design_is_whole(path):
    """What SARIF 2.1.0 requires: sections 3.13, 3.14, 3.19, 3.27, 3.30, 3.49."""
    result = drydock("design", "validate", path, "-o", "sarif")

    log = json.loads(result.stdout)
    assert (log["version"], len(log["runs"])) == ("2.1.0", 1)
    (run,) = log["runs"]
    driver = run["tool"]["driver"]
    rules = [rule["id"] for rule in driver["rules"]]
    assert driver["name"]
    assert len(set(rules)) == len(rules) >= 18
    assert run["results"]
    for found in run["results"]:
        assert rules[found["ruleIndex"]] == found["ruleId"]
        assert KINDS[found["level"]] == found["kind"]
        assert found["message"]["text"]
        (location,) = found["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == str(path)
        assert location["physicalLocation"].get("region", {"startLine": 1})["startLine"] >= 1
    failed = any(found["level"] == "error" for found in run["results"])
    assert result.exit_code == int(failed)


def test_two_rules_with_one_code_have_two_ids(design):
    (run,) = sarif([Report(design, validate(design.site))])["runs"]

    ids = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(ids) == len(all_rules())
    assert {"DD2002.IPLocalityCheck", "DD2002.StoragePartitioning"} <= set(ids)


def test_a_finding_is_placed_at_the_line_of_its_document(design):
    report = Report(design, validate(design.site))

    (duplicate,) = [finding for finding in report.findings if finding.error]

    assert report.line_of(duplicate) == line_of("name: w02") - 1
    (run,) = sarif([report])["runs"]
    (found,) = [result for result in run["results"] if result["level"] == "error"]
    location = found["locations"][0]
    assert location["physicalLocation"]["region"] == {"startLine": report.line_of(duplicate)}
    assert "a%20site.yaml" in location["physicalLocation"]["artifactLocation"]["uri"]
    assert [place["name"] for place in location["logicalLocations"]] == ["w02", "w01"]


def test_a_findings_own_line_wins_and_an_unknown_document_has_none(design):
    known = DocumentRef("drydock/BaremetalNode/v1", "w01")
    unknown = DocumentRef("drydock/BaremetalNode/v1", "w99")
    strange = DocumentRef("drydock/Rack", "w01")
    findings = [
        Finding("DD001", Level.ERROR, "x", documents=(known,), line=7),
        Finding("DD001", Level.ERROR, "x", documents=(unknown,)),
        Finding("DD000", Level.ERROR, "x", documents=(strange,)),
        Finding("DD000", Level.ERROR, "x"),
    ]
    report = Report(design, findings)

    assert [report.line_of(finding) for finding in findings] == [7, 0, 0, 0]
    assert "region" not in json.dumps(sarif([Report(design, findings[1:])]))


def test_ingestion_findings_get_rules_by_their_code(design):
    report = Report(design, [Finding("DD001", Level.ERROR, "Network:v1: at vlan: a string")])

    (run,) = sarif([report])["runs"]

    assert run["results"][0]["ruleId"] == "DD001"
    assert run["tool"]["driver"]["rules"][-1]["id"] == "DD001"


def test_the_table_does_not_take_a_name_for_markup(design, tmp_path):
    file = tmp_path / "x.yaml"
    file.write_text(SMALL.replace("w02", "'[red]w02'"))

    result = drydock("design", "validate", file)

    assert "[red]w02" in result.stdout
    assert "DD3003" in result.stdout

import logging
import re

import pytest

from drydockd.design import rules, validate
from drydockd.design.rules import Rule, error, warning
from drydockd.site import Catalogue, DocumentRef, Finding, Level
from tests.design.rules.helpers import a_bare_site, a_network, a_node, a_site, dhcp

IN_ORDER = [
    ("DD1001", "Rational Boot Storage"),
    ("DD2006", "CIDR Validity"),
    ("DD1008", "Hugepages"),
    ("DD2002", "IP Locality Check"),
    ("DD2003", "MTU Rationality"),
    ("DD2004", "Network Trunking Rationalty"),
    ("DD2005", "Duplicated IP Check"),
    ("DD3001", "Platform Selection"),
    ("DD1006", "Network Bond Rationality"),
    ("DD2002", "Storage Partitioning"),
    ("DD2003", "Storage Sizing"),
    ("DD2004", "Storage Mountpoint"),
    ("DD1007", "Allowed Network Check"),
    ("DD3003", "Hostname Validity"),
    ("DD4001", "Valid IPMI Configuration"),
    ("DD4002", "Valid Libvirt Configuration"),
    ("DD4001", "Bootaction Definition"),
    ("DD4002", "Bootaction pkg_list Validation"),
    # Validation 5.19: what the original promises and does not check.
    ("DD2901", "Address Range Rationality"),
    ("DD2902", "Address Use"),
    ("DD2903", "DHCP Ranges"),
    ("DD2904", "Primary Network"),
    ("DD2905", "Network Plan"),
    ("DD2906", "Interface Names"),
    ("DD2907", "Rest of Storage"),
    ("DD2908", "Mountpoint Validity"),
    ("DD2909", "OOB Type"),
    ("DD2910", "Duplicated Identity Check"),
    ("DD2911", "Boot Action Rendering"),
    ("DD2912", "Boot Action Paths"),
    ("DD2913", "YAML Words"),
    ("DD2914", "Schema Spelling"),
    ("DD2915", "Duplicate Keys"),
    ("DD2916", "Unknown Keys"),
]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00")


def test_the_rules_are_those_of_the_contract_in_its_order():  # V-3: codes are not unique
    assert [(rule.code, rule.name) for rule in rules.all_rules()] == IN_ORDER


def test_a_good_design_gets_one_success_message_per_rule():
    offered = Catalogue({"jammy": ("ga-22.04",)})

    findings = validate.validate(a_site(), offered)

    assert [(f.code, f.message) for f in findings] == [
        (code, f"{name}: Validation successful.") for code, name in IN_ORDER
    ]
    assert {(f.level, f.diagnostic, f.documents) for f in findings} == {(Level.INFO, "", ())}


def test_a_warning_comes_before_its_rules_success_message():
    findings = validate.validate(a_site(a_node(addressing=(dhcp("nowhere"),))))

    locality = [f.level for f in findings if f.message.startswith("IP Locality Check: ")]
    assert locality == [Level.WARNING, Level.INFO]


def test_a_rule_with_errors_has_no_success_message_and_every_rule_runs():
    findings = validate.validate(a_site(a_network(cidr="10.9.0.1/24"), a_node("n_1")))

    assert [f.level for f in findings if f.code == "DD2006"] == [Level.ERROR]
    assert {f.message.partition(": ")[0] for f in findings} == {name for _, name in IN_ORDER}


def test_every_message_carries_a_time_and_the_rules_name():
    for finding in validate.validate(a_bare_site()):
        assert TIME.fullmatch(finding.ts)
        assert (finding.code, finding.message.partition(": ")[0]) in IN_ORDER


def test_nothing_is_kept_between_runs():  # V-4, V-24
    bad = a_site(a_network(cidr="x"))

    first, second = validate.validate(bad), validate.validate(bad)
    afterwards = validate.validate(a_site())

    assert [f.message for f in first] == [f.message for f in second]
    assert not [f for f in afterwards if f.error]


def a_rule(check, order=5):
    return Rule(order, "DD2999", "Test Rule", lambda site, catalogue: check(site))


def test_a_rule_that_breaks_is_an_error_of_its_own_and_stops_no_other(monkeypatch, caplog):  # V-2
    def breaks(site):
        yield warning("this much was seen.", "hint")
        raise KeyError("s3cret")

    monkeypatch.setattr(validate, "all_rules", lambda: (a_rule(breaks), *rules.all_rules()))

    findings = validate.validate(a_site())

    assert [f.level for f in findings[:2]] == [Level.WARNING, Level.ERROR]
    assert findings[1].code == "DD2999"
    assert findings[1].message.startswith("Test Rule: the rule itself failed (KeyError)")
    assert "s3cret" not in str(findings)
    assert len({f.message.partition(": ")[0] for f in findings}) == len(IN_ORDER) + 1
    assert "rule DD2999 Test Rule broke" in caplog.text


def test_two_rules_for_one_place_are_refused(monkeypatch):
    rules.all_rules.cache_clear()
    monkeypatch.setattr("drydockd.design.rules.duplicate_address.ORDER", 10)
    try:
        with pytest.raises(ValueError, match="ORDER 10"):
            rules.all_rules()
    finally:
        rules.all_rules.cache_clear()


def test_findings_are_logged_at_their_own_level_and_once_per_rule(caplog):  # V-26
    nodes = [
        a_node(f"n_{i}", primary_network=None, addressing=(dhcp("nowhere"),)) for i in range(3)
    ]

    validate.validate(a_site(*nodes), Catalogue({"jammy": ("ga-22.04",)}))

    logged = {(r.levelno, r.getMessage().partition(";")[0]) for r in caplog.records}
    assert logged == {
        (logging.WARNING, "DD2002, 3 of level Warning"),
        (logging.ERROR, "DD3003, 3 of level Error"),
    }


def a_finding(level, **fields):
    values = {"code": "DD2005", "level": level, "message": "Duplicated IP Check: x"} | fields
    return Finding(**values)


def test_a_status_without_errors_is_success():
    status = validate.status_document([a_finding(Level.WARNING), a_finding(Level.INFO)])

    assert {k: v for k, v in status.items() if k != "details"} == {
        "kind": "Status",
        "apiVersion": "v1.0",
        "metadata": {},
        "message": "Site design passed validation",
        "reason": None,
        "status": "Success",
        "code": 200,
    }
    assert status["details"]["errorCount"] == 0
    assert [m["level"] for m in status["details"]["messageList"]] == ["Warning", "Info"]


def test_a_status_with_an_error_is_failure_wherever_it_came_from():  # V-1, V-23
    ingestion = a_finding(Level.ERROR, code="DD000", message="no such host profile")

    status = validate.status_document([ingestion, a_finding(Level.INFO)])

    assert (status["status"], status["code"]) == ("Failure", 400)
    assert status["message"] == "Site design failed validation."
    assert status["reason"] == "See detail messages."
    assert status["details"]["errorCount"] == 1


def test_an_entry_of_the_message_list_has_every_key():
    documents = (DocumentRef("drydock/BaremetalNode/v1", "n2"),)
    finding = a_finding(Level.ERROR, diagnostic="repair it", documents=documents, ts="now", line=7)

    (entry,) = validate.status_document([finding])["details"]["messageList"]

    assert entry == {
        "kind": "ValidationMessage",
        "name": "DD2005",
        "message": "Duplicated IP Check: x",
        "error": True,
        "level": "Error",
        "diagnostic": "repair it",
        "ts": "now",
        "documents": [{"schema": "drydock/BaremetalNode/v1", "name": "n2"}],
    }


def test_a_finding_without_a_time_gets_one():
    (entry,) = validate.status_document([a_finding(Level.INFO)])["details"]["messageList"]

    assert TIME.fullmatch(entry["ts"])


def test_an_error_of_a_rule_fails_the_whole_status(monkeypatch):
    check = a_rule(lambda site: iter([error("wrong.", "do it right", site.networks["lan"].ref)]))
    monkeypatch.setattr(validate, "all_rules", lambda: (check,))

    status = validate.status_document(validate.validate(a_site()))

    assert status["code"] == 400
    assert status["details"]["messageList"][0]["message"] == "Test Rule: wrong."

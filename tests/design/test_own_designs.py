"""Whole designs come to what the contract says: findings, effective values, template context."""

from collections import Counter

import pytest

from drydockd.design import kernel_params, nodefilter
from drydockd.design.compile import compile_site
from drydockd.design.rules import all_rules
from drydockd.design.validate import status_document, validate
from drydockd.site import Catalogue
from tests.design.effective import differences, plain
from tests.designs import FILES, LOADING, NAMES, answers, design_path

COLLECTIONS = (
    *("racks", "network_links", "networks", "hardware_profiles", "host_profiles"),
    *("bootactions", "nodes"),
)


@pytest.fixture(scope="module", params=LOADING)
def pair(request):
    site, findings = compile_site(design_path(request.param).read_bytes())
    assert not any(finding.error for finding in findings)
    return site, answers(request.param, "effective")


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_a_collection_holds_its_documents_in_their_order(pair, collection):
    site, expected = pair
    assert list(getattr(site, collection)) == list(expected[collection])


@pytest.mark.parametrize("collection", COLLECTIONS[:-1])
def test_models_hold_the_values_of_their_documents(pair, collection):
    site, expected = pair
    for name, model in expected[collection].items():
        ours = plain(getattr(site, collection)[name])
        assert differences(ours, plain(model), name) == []


def test_the_region_is_the_last_one(pair):
    site, expected = pair
    assert differences(plain(site.region), plain(expected["region"]), "region") == []


def test_nodes_are_what_their_profiles_make_of_them(pair):
    site, expected = pair
    for name, answer in expected["nodes"].items():
        node = site.nodes[name]
        assert differences(plain(node), plain(answer["model"]), name) == []
        assert node.source == "compiled"
        assert site.fqdn_of(node) == answer["fqdn"]
        assert kernel_params.render(node.kernel_params) == answer["kernel_params"]
        for mountpoint, place in (("/", "root"), ("/boot", "boot")):
            assert node.block_device(mountpoint) == (answer[place] and tuple(answer[place]))
        assert [spec.name for spec in site.bootactions_of(name)] == answer["bootactions"]
        assert node.oob_address == answer["oob_address"]


def test_boot_actions_target_what_their_filters_select(pair):
    site, _ = pair
    for spec in site.bootactions.values():
        assert spec.target_nodes == nodefilter.select(site, spec.node_filter)


@pytest.mark.parametrize("name", FILES)
def test_loading_a_design_again_comes_to_the_same(name):
    content = design_path(name).read_bytes()
    (site, findings), (again, findings_again) = compile_site(content), compile_site(content)
    assert again == site
    assert [f.message for f in findings_again] == [f.message for f in findings]


def judged(name):
    """Whether the design loads, and its status document."""
    site, findings = compile_site(design_path(name).read_bytes())
    found = list(findings)
    loads = not any(finding.error for finding in found)
    if loads:
        found += validate(site, None)
    return loads, status_document(found)


def told(message):
    """What a client can tell messages apart by, wording left out."""
    rule, colon, _ = message["message"].partition(": ")
    by_rule = rule if colon and rule in {rule.name for rule in all_rules()} else None
    documents = [f"{d['schema'].split('/')[1]} {d['name']}" for d in message["documents"]]
    return message["name"], message["level"], by_rule, tuple(documents)


@pytest.mark.parametrize("name", NAMES)
def test_a_design_is_judged_as_the_contract_says(name):
    expected = answers(name, "findings")
    wanted = Counter((*entry[:3], tuple(entry[3])) for entry in expected["findings"])

    loads, status = judged(name)

    messages = status["details"]["messageList"]
    assert loads == expected["loads"]
    assert Counter(told(m) for m in messages if m["level"] != "Info") == wanted
    errors = sum(count for (_, level, *_), count in wanted.items() if level == "Error")
    assert status["details"]["errorCount"] == errors
    assert (status["code"], status["status"]) == ((400, "Failure") if errors else (200, "Success"))


@pytest.mark.parametrize("name", LOADING)
def test_a_rule_that_finds_no_error_says_so_once(name):
    _, status = judged(name)
    messages = [told(m) for m in status["details"]["messageList"]]
    failed = {(code, rule) for code, level, rule, _ in messages if level == "Error"}
    passed = [(code, rule) for code, level, rule, _ in messages if level == "Info"]
    assert sorted(passed) == sorted({(r.code, r.name) for r in all_rules()} - failed)


def test_images_and_kernels_are_held_against_what_is_offered():
    site, _ = compile_site(design_path("foundry").read_bytes())
    offered = {"jammy": ("ga-22.04",), "noble": ("ga-24.04",)}
    assert not [f for f in validate(site, Catalogue(offered)) if f.error]
    del offered["noble"]
    (finding,) = [f for f in validate(site, Catalogue(offered)) if f.error]
    assert (finding.code, [d.name for d in finding.documents]) == ("DD3001", ["f03"])


def test_load_errors_name_what_is_missing_and_every_one_is_told():
    _, findings = compile_site(design_path("missing-profile").read_bytes())
    words = ["c6100-primary", "c6100-primary", "chicken", "hardware_profile", "isolcpus"]
    for word, finding in zip(words, findings, strict=True):
        assert word in finding.message


def test_broken_documents_are_told_with_their_place_and_no_secret():
    _, findings = compile_site(design_path("broken-schema").read_bytes())
    words = " ".join(finding.message for finding in findings)
    for place in ("at vlan", "bonding.mode", "unknown key trunk", "nic.address", "permissions"):
        assert place in words
    assert "secret" not in words
    lines = [finding.line for finding in findings]
    assert all(lines)
    assert lines == sorted(lines)

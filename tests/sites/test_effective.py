"""The effective designs of real sites are those of the original, value by value."""

from typing import Any

import pytest

from drydockd.design import kernel_params, nodefilter
from drydockd.design.compile import compile_site
from tests.design.effective import differences, plain
from tests.sites.folder import on_sites, reference, site_path

pytestmark = pytest.mark.sites

# What the original writes otherwise, each an entry of the contract:
# - markers of its serialisation, and `status`/`source` of what is never compiled;
IGNORED = {"model_type", "model_version", "doc_ref", "status", "source"}
# - its names for our fields;
RENAMED = {"asset_list": "assets"}
# - metrics as text (design, 3.4), booleans of kernel parameters as the text `True`
#   (effective-design, section 4).


def as_ours(theirs: Any) -> Any:
    """A model of the original under our names, without its markers."""
    if isinstance(theirs, dict):
        return {RENAMED.get(k, k): as_ours(v) for k, v in theirs.items() if k not in IGNORED}
    return [as_ours(entry) for entry in theirs] if isinstance(theirs, list) else theirs


def from_theirs(ours: Any, theirs: Any, path: str) -> list[str]:
    return differences(plain(ours), plain(as_ours(theirs)), path)


@pytest.fixture(scope="module", params=on_sites())
def pair(request):
    site, findings = compile_site(site_path(request.param).read_bytes())
    answers = reference(request.param, "effective")
    if any(finding.error for finding in findings):
        # Two sites do not load: the original's models are only as far as it got.
        assert request.param in ("deathkitten", "laas-pod01")
        answers["nodes"] = {}
        answers["host_profiles"] = {}
        answers["bootactions"] = {}
        if not site.networks:
            answers = {key: {} for key in answers}
    return site, answers


@pytest.mark.parametrize(
    "collection", ["networks", "network_links", "racks", "hardware_profiles", "bootactions"]
)
def test_a_collection_holds_what_the_original_has(pair, collection):
    site, answers = pair
    ours, theirs = getattr(site, collection), answers.get(collection, {})
    if theirs:
        assert list(ours) == list(theirs)
    for name, model in theirs.items():
        # Targets have a test of their own: the original's are sorted.
        model = {k: v for k, v in model.items() if k != "target_nodes"}
        assert from_theirs(ours[name], model, name) == []


def test_profiles_are_the_original_s_and_compiled_where_nodes_need_them(pair):
    site, answers = pair
    for name, model in answers["host_profiles"].items():
        assert from_theirs(site.host_profiles[name], model, name) == []
        assert site.host_profiles[name].source == model["source"]


def test_the_region_is_the_original_s(pair):
    site, answers = pair
    if answers["site"]:
        assert site.region is not None or not answers["site"].get("name")
        assert from_theirs(site.region, answers["site"], "region") == []


def test_nodes_are_the_original_s(pair):
    site, answers = pair
    if answers["nodes"]:
        assert list(site.nodes) == list(answers["nodes"])
    for name, answer in answers["nodes"].items():
        node = site.nodes[name]
        assert from_theirs(node, answer["model"], name) == []
        assert node.source == answer["model"]["source"] == "compiled"
        assert site.domain_of(node) == answer["domain"]
        assert site.fqdn_of(node) == answer["fqdn"]
        # The original begins most lines with a blank.
        line = answer["kernel_param_string"].removeprefix(" ")
        assert kernel_params.render(node.kernel_params) == line
        assert list(node.block_device("/") or (None, None)) == answer["root_device"]
        assert list(node.block_device("/boot") or (None, None)) == answer["boot_device"]
        assert sorted(spec.name for spec in site.bootactions_of(name)) == answer["bootactions"]


def test_the_values_templates_see_are_the_original_s(pair):
    site, answers = pair
    for name, answer in answers["nodes"].items():
        node, context = site.nodes[name], answer["template_node_context"]
        if "EXCEPTION" in context:
            # An address on a network nobody defines: the original cannot say anything.
            assert any(a.network not in site.networks for a in node.addressing)
            continue
        assert context["hostname"] == node.name
        assert context["domain"] == site.domain_of(node)
        assert context["tags"] == list(node.tags)
        assert context["labels"] == node.owner_data
        static = {a.network: a.address for a in node.addressing if a.type == "static"}
        named = {k: v["ip"] for k, v in context["network"].items() if k != "default"}
        assert static == named
        for network, value in context["network"].items():
            if network != "default":
                assert value["cidr"] == site.networks[network].cidr
                assert value["dns_suffix"] == site.networks[network].dns_domain
        assert list(context["interfaces"]) == [i.device_name for i in node.interfaces]


def test_boot_actions_target_the_original_s_nodes(pair):
    site, answers = pair
    order = list(site.nodes)
    for name, model in answers["bootactions"].items():
        spec = site.bootactions[name]
        assert sorted(spec.target_nodes) == model.get("target_nodes", [])
        assert list(spec.target_nodes) == sorted(spec.target_nodes, key=order.index)
        assert spec.target_nodes == nodefilter.select(site, spec.node_filter)


@pytest.mark.parametrize("name", on_sites("deathkitten"))
def test_a_profile_that_is_missing_is_said(name):
    _, findings = compile_site(site_path(name).read_bytes())
    assert {f.code for f in findings} == {"DD000"}
    assert all("HostProfile cpdp_c6100-primary not defined" in f.message for f in findings)


@pytest.mark.parametrize("name", on_sites("laas-pod01"))
def test_the_document_that_breaks_its_schema_is_named(name):
    _, findings = compile_site(site_path(name).read_bytes())
    assert [f.code for f in findings if f.error] == ["DD001"]
    assert [d.name for f in findings if f.error for d in f.documents] == [name]


@pytest.mark.parametrize("name", on_sites("intel-pod15"))
def test_several_regions_are_a_warning_that_names_them_all(name):
    site, findings = compile_site(site_path(name).read_bytes())
    assert site.region.name == "region-profile"
    assert [f.level for f in findings] == ["Warning"]
    assert "intel-pod15, region-profile" in findings[0].message

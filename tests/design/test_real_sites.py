"""The effective designs of real sites are those of the original, value by value."""

import dataclasses
from typing import Any

import pytest

from drydockd.design import kernel_params, nodefilter
from drydockd.design.compile import compile_site
from tests.sites import NAMES, reference, site_path

# What the original writes otherwise, each an entry of the contract:
# - markers of its serialisation, and `status`/`source` of what is never compiled;
IGNORED = {"model_type", "model_version", "doc_ref", "status", "source"}
# - its names for our fields;
RENAMED = {"asset_list": "assets"}
# - metrics as text (design, 3.4), booleans of kernel parameters as the text `True`
#   (effective-design, section 4).


def plain(value: Any) -> Any:
    """A model as JSON would have it, numbers and booleans as text."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    return str(value) if isinstance(value, bool | int) else value


def differences(ours: Any, theirs: Any, path: str = "") -> list[str]:
    """Where a value the original has is not ours."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        found = []
        for key, value in theirs.items():
            if key not in IGNORED:
                mine = ours.get(RENAMED.get(key, key), "<absent>")
                found += differences(mine, value, f"{path}.{key}")
        return found
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        pairs = enumerate(zip(ours, theirs, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}[{i}]")]
    return [] if ours == theirs else [f"{path}: {ours!r} is not {theirs!r}"]


@pytest.fixture(scope="module", params=NAMES)
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
        assert differences(plain(ours[name]), plain(model), name) == []


def test_profiles_are_the_original_s_and_compiled_where_nodes_need_them(pair):
    site, answers = pair
    for name, model in answers["host_profiles"].items():
        assert differences(plain(site.host_profiles[name]), plain(model), name) == []
        assert site.host_profiles[name].source == model["source"]


def test_the_region_is_the_original_s(pair):
    site, answers = pair
    if answers["site"]:
        assert site.region is not None or not answers["site"].get("name")
        assert differences(plain(site.region), plain(answers["site"]), "region") == []


def test_nodes_are_the_original_s(pair):
    site, answers = pair
    if answers["nodes"]:
        assert list(site.nodes) == list(answers["nodes"])
    for name, answer in answers["nodes"].items():
        node = site.nodes[name]
        assert differences(plain(node), plain(answer["model"]), name) == []
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


def test_the_sites_that_do_not_load_say_why():
    _, missing = compile_site(site_path("deathkitten").read_bytes())
    assert {f.code for f in missing} == {"DD000"}
    assert all("HostProfile cpdp_c6100-primary not defined" in f.message for f in missing)
    _, broken = compile_site(site_path("laas-pod01").read_bytes())
    assert [f.code for f in broken if f.error] == ["DD001"]
    assert [d.name for f in broken if f.error for d in f.documents] == ["laas-pod01"]


def test_several_regions_are_a_warning_that_names_them_all():
    site, findings = compile_site(site_path("intel-pod15").read_bytes())
    assert site.region.name == "region-profile"
    assert [f.level for f in findings] == ["Warning"]
    assert "intel-pod15, region-profile" in findings[0].message

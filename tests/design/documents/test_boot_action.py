"""BootAction documents."""

import pytest

from drydockd.site import Asset, NodeFilter, NodeFilterTerm
from tests.design.helpers import document, findings_of, node, only_finding, site_of


def action(*assets, **data):
    return document("BootAction", "act", {"assets": list(assets), **data})


def file(**data):
    return {"type": "file", "path": "/a", "data": "x"} | data


def asset_of(asset) -> Asset:
    return site_of(action(asset)).bootactions["act"].assets[0]


def test_an_asset_is_taken_in():
    assert asset_of(
        file(
            location="https://h/{{ node.hostname }}",
            location_pipeline=["template"],
            data_pipeline=["base64_decode", "utf8_decode", "template"],
            permissions="555",
        )
    ) == Asset(
        "file", "/a", "https://h/{{ node.hostname }}", "x", None, ("template",),
        ("base64_decode", "utf8_decode", "template"), 0o555,
    )  # fmt: skip


def test_pipelines_may_be_absent():
    assert asset_of(file()) == Asset("file", "/a", data="x")


def test_a_package_list_is_a_mapping_or_comes_from_a_location():
    assert asset_of({"type": "pkg_list", "data": {"a": None, "b": "1"}}).package_list == {
        "a": None,
        "b": "1",
    }
    fetched = asset_of({"type": "pkg_list", "location": "http://h/x", "data": "text"})
    assert (fetched.package_list, fetched.location) == (None, "http://h/x")


def test_a_package_list_as_text_is_refused():
    finding = only_finding(action({"type": "pkg_list", "data": "a b"}))
    assert (finding.code, finding.documents[0].name) == ("DD000", "act")


@pytest.mark.parametrize(
    ("asset", "where"),
    [
        (file(type="dir"), "assets[0].type"),
        (file(path="a"), "assets[0].path"),
        ({"type": "unit", "data": "x"}, "assets[0].path: is required for an asset of type unit"),
        ({"type": "file", "path": "/a"}, "assets[0]: one of location and data is required"),
        ({"type": "pkg_list"}, "assets[0]: one of location and data is required"),
        (file(data={"a": "b"}), "assets[0].data: a string is required for an asset"),
        (file(data=None), "assets[0].data"),
        (file(location="ftp://x/"), "assets[0].location"),
        (file(location_pipeline=["utf8_encode"]), "assets[0].location_pipeline[0]"),
        (file(data_pipeline=["gzip"]), "assets[0].data_pipeline[0]"),
        (file(permissions=555), "assets[0].permissions: a string is required"),
        (file(permissions="x644"), "assets[0].permissions"),
        (file(permissions="888"), "assets[0].permissions"),
        (file(mode="1"), "assets[0]: unknown key mode"),
    ],
)
def test_a_bad_asset_is_a_violation(asset, where):
    finding = only_finding(action(asset))
    assert finding.code == "DD001"
    assert where in finding.message


def test_all_that_fields_ask_of_each_other_is_told():
    assert len(findings_of(action({"type": "file"}, {"type": "unit"}))) == 4


def test_assets_may_be_none_but_not_absent():
    assert site_of(action()).bootactions["act"].assets == ()
    assert "assets: is required" in only_finding(document("BootAction", "act", {})).message


def test_signaling_is_on_unless_switched_off():
    assert site_of(action()).bootactions["act"].signaling
    assert not site_of(action(signaling=False)).bootactions["act"].signaling


def test_a_filter_is_kept_and_its_targets_computed():
    term = {"filter_type": "union", "node_labels": {"a": 5}}
    site = site_of(
        action(node_filter={"filter_set_type": "union", "filter_set": [term]}),
        node("n1", metadata={"owner_data": {"a": "5"}}),
        node("n2"),
    )
    spec = site.bootactions["act"]
    assert spec.node_filter == NodeFilter(
        "union", (NodeFilterTerm("union", node_labels={"a": "5"}),)
    )
    assert spec.target_nodes == ("n1",)


@pytest.mark.parametrize(
    ("node_filter", "where"),
    [
        ({}, "node_filter.filter_set_type: is required"),
        ({"filter_set_type": "any"}, "node_filter.filter_set_type"),
        (
            {"filter_set_type": "union", "filter_set": [{}]},
            "filter_set[0].filter_type: is required",
        ),
        (
            {"filter_set_type": "union", "filter_set": [{"filter_type": "union", "tags": []}]},
            "filter_set[0]: unknown key tags",
        ),
        (
            {
                "filter_set_type": "union",
                "filter_set": [{"filter_type": "union", "node_labels": {"a": None}}],
            },
            "node_labels.a",
        ),
        ([], "node_filter"),
    ],
)
def test_a_bad_filter_is_a_violation_of_the_boot_action(node_filter, where):
    finding = only_finding(action(node_filter=node_filter))
    assert (finding.code, finding.documents[0].name) == ("DD001", "act")
    assert where in finding.message

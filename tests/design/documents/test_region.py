"""Region documents."""

import pytest

from drydockd.site import Repository, TagDefinition
from tests.design.helpers import document, findings_of, only_finding, site_of

MAIN = {"repo_type": "apt", "url": "http://a/"}


def region(**data):
    return document("Region", "site", data)


def test_a_whole_region_is_taken_in():
    site = site_of(
        region(
            tag_definitions=[{"tag": "t", "definition_type": "lshw_xpath", "definition": "//x"}],
            authorized_keys=["ssh-rsa AA\nBB\r\n me"],
            repositories={
                "remove_unlisted": True,
                "main_archive": MAIN | {"components": ["main"], "options": {"a": "b"}},
            },
        )
    )
    assert site.region.name == "site"
    assert site.region.tag_definitions == (TagDefinition("t", "lshw_xpath", "//x"),)
    assert site.region.authorized_keys == ("ssh-rsa AABB me",)
    assert site.region.remove_unlisted
    assert site.region.repositories == (
        Repository("main_archive", "http://a/", "apt", components=("main",), options={"a": "b"}),
    )


def test_defaults():
    region_ = site_of(region()).region
    assert (region_.tag_definitions, region_.authorized_keys, region_.repositories) == ((), (), ())
    repository = site_of(region(repositories={"r": MAIN})).region.repositories[0]
    assert repository.arches == ("amd64",)
    assert repository.subrepos is None


def test_remove_unlisted_alone_is_legal():
    assert site_of(region(repositories={"remove_unlisted": True})).region.repositories == ()


@pytest.mark.parametrize(
    ("data", "where"),
    [
        ({"x": 1}, "unknown key x"),
        ({"authorized_keys": [{}]}, "authorized_keys[0]"),
        ({"repositories": {"r": {"url": "http://a/"}}}, "repositories.r.repo_type: is required"),
        ({"repositories": {"r": MAIN | {"repo_type": "xaptx"}}}, "repositories.r.repo_type"),
        ({"repositories": {"r": MAIN | {"arches": "amd64"}}}, "repositories.r.arches"),
        ({"repositories": {"r": "http://a/"}}, "repositories.r: a mapping is required"),
        ({"repositories": {"remove_unlisted": "yes"}}, "repositories.remove_unlisted"),
        ({"tag_definitions": [{"tag": "t", "definition": "x"}]}, "definition_type: is required"),
        (
            {"tag_definitions": [{"tag": "t", "definition": "x", "definition_type": "y"}]},
            "lshw_xpath is required",
        ),
    ],
)
def test_a_violation_is_told_with_its_path(data, where):
    finding = only_finding(region(**data))
    assert finding.code == "DD001"
    assert finding.message.startswith("Region:v1 ")
    assert where in finding.message


def test_the_last_of_several_regions_counts_and_all_are_named():
    documents = [document("Region", name, {}) for name in ("a", "b")]
    site_findings = findings_of(*documents)
    assert [f.level for f in site_findings] == ["Warning"]
    assert [d.name for d in site_findings[0].documents] == ["a", "b"]

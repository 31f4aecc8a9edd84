"""Whole assets, and every failure with its text."""

import io
import tarfile

import pytest

from drydockd.errors import InvalidDesign, RenderError, SourceUnavailable
from drydockd.render import Limits, package_list, render_assets, tar_gz
from tests.designs import RENDERED, answers
from tests.render.helpers import (
    GRANT,
    SETTINGS,
    a_site,
    an_asset,
    grants,
    no_fetch,
    stub_fetch,
    the_node,
    whole_site,
)


async def rendered(site, kind="file", fetch=no_fetch, granted=None, **more):
    return await render_assets(
        site, the_node(site), kind, granted or grants(), fetch=fetch, **SETTINGS | more
    )


async def content_of(*assets, **more):
    return [a.content for a in await rendered(a_site(*assets), **more)]


every_written_node = pytest.mark.parametrize(
    ("name", "host"), RENDERED, ids=[f"{name}-{host}" for name, host in RENDERED]
)


async def whole(name, host, kind):
    """What render_assets gives a node of a whole design, and what is written down for it."""
    site = whole_site(name)
    granted = dict.fromkeys(site.bootactions, GRANT)
    got = await render_assets(site, site.nodes[host], kind, granted, fetch=stub_fetch, **SETTINGS)
    expected = answers(name, f"assets/{host}")["assets"]
    return got, [e for e in expected if kind in (None, e["type"])]


@every_written_node
async def test_every_asset_of_a_whole_design_is_what_its_document_says(name, host):
    got, expected = await whole(name, host, None)
    assert [
        {
            "bootaction": asset.bootaction,
            "type": asset.type,
            "path": asset.path,
            "mode": f"{asset.mode:04o}",
            "location": asset.location,
            "content": asset.content.decode(),
        }
        for asset in got
    ] == [{"location": None} | entry for entry in expected]


@pytest.mark.parametrize("kind", ["unit", "file"])
@every_written_node
async def test_an_archive_has_a_member_for_every_asset_of_its_type(name, host, kind):
    got, expected = await whole(name, host, kind)
    with tarfile.open(fileobj=io.BytesIO(tar_gz(got))) as archive:
        members = [
            (m.name, f"{m.mode:04o}", m.mtime, m.uid, m.uname, archive.extractfile(m).read())
            for m in archive
        ]
    assert members == [(e["path"], e["mode"], 0, 0, "", e["content"].encode()) for e in expected]


@every_written_node
async def test_packages_of_a_whole_design_are_merged_in_document_order(name, host):
    site = whole_site(name)
    got = await package_list(site, site.nodes[host], fetch=no_fetch, **SETTINGS)
    assert got == answers(name, f"assets/{host}")["packages"]


async def test_boot_actions_come_in_document_order_and_without_a_grant_not_at_all():
    site = a_site(an_asset("one"), names=("act", "late"))
    assert [a.bootaction for a in await rendered(site)] == ["act"]
    assert await rendered(site, granted=grants("late")) == []


async def test_a_template_sees_node_and_action():
    source = (
        "{{ node.hostname }} {{ node.domain }} {{ action.action_id }} {{ action.action_key }} "
        "{{ action.report_url }} {{ action.design_ref }}\n"
    )
    (content,) = await content_of(an_asset(source, "/x", "utf8_decode", "template"))
    assert content.decode() == (
        f"n1 local {GRANT.action_id} {GRANT.action_key} "
        f"{SETTINGS['report_url']} {SETTINGS['design_ref']}\n"
    )


async def test_a_missing_mode_is_0600_and_an_explicit_one_is_kept_even_000():
    site = a_site(
        an_asset("", "/a"), an_asset("", "/b", permissions=0), an_asset("", "/c", permissions=0o755)
    )
    assert [a.mode for a in await rendered(site)] == [0o600, 0, 0o755]


async def test_only_assets_of_the_kind_are_rendered():
    site = a_site(an_asset("u", "/u", type="unit"), an_asset("f", "/f"), an_asset(type="pkg_list"))
    assert [a.path for a in await rendered(site, "unit")] == ["/u"]
    assert [a.path for a in await rendered(site, "file")] == ["/f"]
    assert [a.path for a in await rendered(site, None)] == ["/u", "/f"]


async def test_a_location_wins_over_data_and_goes_through_both_pipelines():
    site = a_site(
        an_asset(
            "unused",
            "/f",
            "utf8_decode",
            "template",
            location="http://files.example/{{ node.hostname }}",
            location_pipeline=("template",),
        )
    )

    async def fetch(url):
        return url.encode() + b" for {{ node.hostname }}\n"

    (asset,) = await rendered(site, fetch=fetch)
    assert asset.content == b"http://files.example/n1 for n1\n"
    assert asset.location == "http://files.example/n1"
    assert asset.fetched


@pytest.mark.parametrize(
    ("asset", "text"),
    [
        (an_asset("x", "/x", "template"), "segment template: needs text, got bytes"),
        (an_asset("x", "/x", "utf8_decode", "base64_encode"), "segment base64_encode: needs bytes"),
        (an_asset("x", "/x", "gzip"), "segment gzip: unknown, not one of template"),
        (an_asset("x!", "/x", "base64_decode"), "segment base64_decode: not base64"),
        (
            an_asset("{{ node.nope }}\n", "/x", "utf8_decode", "template"),
            r"segment template: UndefinedError: .*nope.* \(line 1\)",
        ),
        (
            an_asset("a\n{% if %}", "/x", "utf8_decode", "template"),
            r"TemplateSyntaxError: .*line 2",
        ),
        (an_asset(None, "/x"), "neither data nor location"),
        (an_asset("x", "/x/../y"), r"the path has a \.\. segment"),
        (an_asset("x", None), "no path"),
        (
            an_asset(None, "/x", location="http://x", location_pipeline=("utf8_decode",)),
            "location_pipeline: utf8_decode: only template is allowed",
        ),
    ],
)
async def test_a_failure_names_node_action_asset_segment_and_cause(asset, text):
    with pytest.raises(RenderError, match=text) as failure:
        await rendered(a_site(asset))
    assert str(failure.value).startswith(f"n1: boot action act, file {asset.path or 'asset'}: ")


@pytest.mark.parametrize(
    "source",
    ["{{ node[action.action_key] }}", "{{ action.action_key|int(base=99) }}{% endif %}"],
)
async def test_no_failure_tells_the_key(source):
    with pytest.raises(RenderError) as failure:
        await rendered(a_site(an_asset(source, "/x", "utf8_decode", "template")))
    assert GRANT.action_key not in str(failure.value)
    assert failure.value.__cause__ is None


async def test_a_source_that_is_away_stays_that_and_says_for_what():
    async def fetch(url):
        raise SourceUnavailable(f"{url}: connection refused")

    site = a_site(an_asset(None, "/x", location="http://me:secret@files.example/x"))
    with pytest.raises(SourceUnavailable, match="boot action act, file /x: http://") as failure:
        await rendered(site, fetch=fetch)
    assert "secret" not in str(failure.value)


async def test_a_refused_location_is_the_assets_fault():
    async def fetch(url):
        raise InvalidDesign(f"{url}: scheme gopher is not supported")

    with pytest.raises(RenderError, match="scheme gopher"):
        await rendered(a_site(an_asset(None, "/x", location="gopher://x")), fetch=fetch)


async def test_of_several_failures_the_first_in_the_document_is_told():
    site = a_site(an_asset("x", "/one", "nope"), an_asset("x", "/two", "nope"))
    with pytest.raises(RenderError, match="/one"):
        await rendered(site)


async def test_the_size_of_one_asset_and_of_all_is_bounded():
    site = a_site(an_asset("x" * 60, "/a"), an_asset("x" * 60, "/b"))
    with pytest.raises(RenderError, match="more than the 100 allowed"):
        await rendered(site, limits=Limits(total_bytes=100))
    site = a_site(an_asset("x" * 60, "/a", "base64_encode"))
    with pytest.raises(RenderError, match="larger than 64 bytes"):
        await rendered(site, limits=Limits(asset_bytes=64))


async def test_package_lists_merge_and_the_later_action_wins():
    site = a_site(
        an_asset(None, None, type="pkg_list", package_list={"a": "1", "b": None}),
        an_asset(None, None, type="pkg_list", location="http://x/{{ node.hostname }}",
                 location_pipeline=("template",)),
    )  # fmt: skip

    async def fetch(url):
        assert url == "http://x/n1"
        return b"a: '2'\nc:\n"

    got = await package_list(site, the_node(site), fetch=fetch, **SETTINGS)
    assert got == {"a": "2", "b": None, "c": None}


async def test_a_bad_package_list_is_named():
    site = a_site(an_asset(None, None, type="pkg_list"))
    with pytest.raises(RenderError, match="act, pkg_list asset: InvalidPackageListFormat"):
        await package_list(site, the_node(site), fetch=no_fetch, **SETTINGS)

"""The archives a daemon serves: same bytes as without memory; pinned sources part by part."""

import random

import pytest

from drydockd.errors import RenderError, SourceUnavailable
from drydockd.render import (
    ActionGrant,
    Anew,
    BootData,
    Templates,
    render_assets,
    tar_gz,
)
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


@pytest.fixture
async def boot_data():
    templates = Templates()
    yield BootData(templates)
    await templates.close()


async def archive_of(boot_data, site, granted=None, fetch=no_fetch, **more):
    return await boot_data.archive(
        site,
        the_node(site),
        "file",
        granted or grants(),
        **{"deployment": "d1", "sources": Anew(fetch)} | SETTINGS | more,
    )


async def whole(archive):
    return b"".join([chunk async for chunk in archive.chunks(1000)])


async def test_an_archive_equals_the_rendered_assets_packed(boot_data):
    site = whole_site("foundry")
    granted = dict.fromkeys(site.bootactions, GRANT)
    for node in site.nodes.values():
        for kind in ("unit", "file"):
            plain = await render_assets(site, node, kind, granted, fetch=stub_fetch, **SETTINGS)
            for _ in range(2):
                archive = await boot_data.archive(
                    site,
                    node,
                    kind,
                    granted,
                    deployment=node.name,
                    sources=Anew(stub_fetch),
                    **SETTINGS,
                )
                assert archive.data == await whole(archive) == tar_gz(plain)


async def test_a_second_fetch_renders_nothing(boot_data, monkeypatch):
    site = a_site(an_asset("{{ node.hostname }}", "/x", "utf8_decode", "template"))
    first = await archive_of(boot_data, site)
    monkeypatch.setattr(boot_data.templates, "render", None)
    assert (await archive_of(boot_data, site)).data == first.data


async def test_a_location_that_is_not_pinned_is_fetched_every_time(boot_data):
    site = a_site(an_asset("local", "/a"), an_asset(None, "/b", location="http://x"))
    answers = iter([b"one", b"two"])

    async def fetch(url):
        return next(answers)

    first, second = [(await archive_of(boot_data, site, fetch=fetch)).data for _ in range(2)]
    assert first != second


async def test_a_failing_source_is_not_remembered(boot_data):
    site = a_site(an_asset(None, "/b", location="http://x"))

    async def away(url):
        raise SourceUnavailable("away")

    with pytest.raises(SourceUnavailable):
        await archive_of(boot_data, site, fetch=away)
    assert (await archive_of(boot_data, site, fetch=stub_fetch)).data


async def test_nothing_is_shared_between_deployments(boot_data):
    source = "{{ action }} {{ node.hostname }}"
    site = a_site(an_asset(source, "/x", "utf8_decode", "template"))
    first = await archive_of(boot_data, site)
    other = {"act": ActionGrant("0" * 26, "f" * 64)}
    again = await archive_of(boot_data, site, other, deployment="d2")
    assert boot_data.known("d1", "file") == first
    assert boot_data.known("d2", "file") == again
    assert first.data != again.data
    assert boot_data.known("d2", "unit") is None


async def test_equal_members_of_many_nodes_are_compressed_once(boot_data):
    site = a_site(an_asset("same for all", "/x"))
    for n in range(5):
        granted = {"act": ActionGrant("0" * 26, f"{n:064}")}
        await archive_of(boot_data, site, granted, deployment=str(n))
    assert len(boot_data._pieces) == 1


async def test_memory_is_bounded(boot_data):
    boot_data = BootData(boot_data.templates, cache_bytes=4000)
    for n in range(50):
        await archive_of(boot_data, a_site(an_asset("x" * 100, f"/{n}")), deployment=str(n))
    assert boot_data._archives.bytes <= 4000
    assert boot_data._pieces.bytes <= 4000


@pytest.mark.parametrize("size", [100_000, 3_000_000])
async def test_large_archives_are_the_same_bytes_too(boot_data, size):
    text = random.Random(7).randbytes(size // 2).hex()  # half of it remains
    site = a_site(an_asset(text, "/big"), an_asset("s", "/small"))
    archive = await archive_of(boot_data, site)
    assert (archive.data is None) == (size > 1 << 20)
    assert archive.size == len(await whole(archive))
    plain = await render_assets(site, the_node(site), "file", grants(), fetch=no_fetch, **SETTINGS)
    assert await whole(archive) == tar_gz(plain)


async def test_a_failure_comes_before_the_first_byte(boot_data):
    site = a_site(an_asset("fine", "/a"), an_asset("x", "/b", "nope"))
    with pytest.raises(RenderError, match="/b: segment nope"):
        await archive_of(boot_data, site)

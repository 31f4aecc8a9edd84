"""What nodes get on real sites is what the original rendered for them."""

import hashlib
import io
import json
import tarfile
from functools import cache

import pytest

from drydockd.design.compile import compile_site
from drydockd.errors import RenderError
from drydockd.render import (
    ActionGrant,
    node_context,
    package_list,
    render_assets,
    sandbox,
    tar_gz,
)
from tests.render.helpers import SETTINGS, stub_fetch
from tests.sites.folder import on_indexes, on_sites, reference, site_path

pytestmark = pytest.mark.sites


@cache
def real_site(name):
    return compile_site(site_path(name).read_bytes())[0]


def index_of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def is_as_referenced(content, entry, data_pipeline):
    """The content is the reference, or keeps the newline the original lost (sites/README)."""
    if hashlib.sha256(content).hexdigest() == entry["sha256"]:
        return True
    lost = hashlib.sha256(content.removesuffix(b"\n")).hexdigest() == entry["sha256"]
    return lost and "template" in (data_pipeline or ())


@pytest.mark.parametrize("path", on_indexes())
async def test_every_asset_of_a_real_site_equals_the_reference(path):
    index, site = index_of(path), real_site(path.parts[-4])
    node = site.nodes.get(index["node"])
    entries = [e for e in index["assets"] if e["type"] != "pkg_list"]
    settings = {k: index[k] for k in ("report_url", "design_ref")}
    granted = dict.fromkeys(
        site.bootactions, ActionGrant(index["action_id_base32"], index["action_key_hex"])
    )
    if node is None:
        assert not entries, "only a site that did not load has no node here"
        return
    if any("error" in e for e in entries):
        with pytest.raises(RenderError, match="which the design does not define"):
            await render_assets(site, node, None, granted, fetch=stub_fetch, **settings)
        return
    got = await render_assets(site, node, None, granted, fetch=stub_fetch, **settings)
    assert [(a.bootaction, a.type, a.path, a.mode, a.location) for a in got] == [
        (e["bootaction"], e["type"], e["path"], e["tar_mode"], e["location_rendered"])
        for e in entries
    ]
    for asset, entry in zip(got, entries, strict=True):
        assert is_as_referenced(asset.content, entry, entry["data_pipeline"]), entry["path"]


@pytest.mark.parametrize("path", on_indexes())
async def test_the_archives_of_a_real_site_have_the_members_of_the_reference(path):
    index, site = index_of(path), real_site(path.parts[-4])
    node = site.nodes.get(index["node"])
    if node is None or any("error" in e for e in index["assets"]):
        return
    granted = dict.fromkeys(
        site.bootactions, ActionGrant(index["action_id_base32"], index["action_key_hex"])
    )
    settings = {k: index[k] for k in ("report_url", "design_ref")}
    for kind in ("unit", "file"):
        got = await render_assets(site, node, kind, granted, fetch=stub_fetch, **settings)
        with tarfile.open(fileobj=io.BytesIO(tar_gz(got))) as archive:
            members = [(m.name, m.size, f"{m.mode:04o}", m.mtime, m.uname) for m in archive]
        assert members == [
            (m["name"], m["size"], m["mode"], m["mtime"], m["uname"]) for m in index["tar"][kind]
        ]


@pytest.mark.parametrize("path", on_indexes())
async def test_the_package_list_of_a_real_site_equals_the_reference(path):
    index, site = index_of(path), real_site(path.parts[-4])
    if node := site.nodes.get(index["node"]):
        got = await package_list(site, node, fetch=stub_fetch, **SETTINGS)
        assert got == (index["package_list"] or {})


@pytest.mark.parametrize("name", on_sites())
def test_the_context_of_every_real_node_equals_the_reference(name):
    site = real_site(name)
    for host, expected in reference(name, "effective")["nodes"].items():
        if isinstance(expected.get("template_node_context"), dict) and host in site.nodes:
            if "EXCEPTION" in expected["template_node_context"]:
                with pytest.raises(RenderError):
                    node_context(site, site.nodes[host])
            else:
                assert node_context(site, site.nodes[host]) == expected["template_node_context"]


@pytest.mark.parametrize("name", on_sites())
def test_every_template_is_plain(name):
    for spec in real_site(name).bootactions.values():
        for asset in spec.assets:
            if asset.location_pipeline:
                assert sandbox.compile_plain(asset.location) is not None

"""Sites for the render tests: the real ones, from their documents and reference answers."""

import json
from functools import cache
from pathlib import Path

import yaml

from drydockd.render import ActionGrant
from drydockd.site import (
    Addressing,
    Asset,
    BootActionSpec,
    Interface,
    Network,
    Node,
    Site,
)
from tests.sites import SITES, reference, site_path

GRANT = ActionGrant("01CBMC5DFR041061050R3GG2D0", bytes(range(32, 64)).hex())
SETTINGS = {
    "report_url": "http://localhost:9000/api/v1.0/bootactions/",
    "design_ref": "deckhand+http://deckhand.example/revisions/1",
}
INDEXES = sorted(SITES.glob("*/reference-assets/*/index.json"))


def an_asset(data="", path="/etc/x", *pipeline, **more):
    return Asset(**{"type": "file", "path": path, "data": data, "data_pipeline": pipeline} | more)


def a_site(*assets, names=("act",), **node):
    """One node, ``n1``, that every boot action targets; the first one has the assets."""
    actions = {
        name: BootActionSpec(name, assets=assets if name == names[0] else (), target_nodes=("n1",))
        for name in names
    }
    return Site(
        nodes={"n1": Node("n1", **node)},
        networks={
            "oam": Network("oam", "10.0.0.0/24", dns_domain="example.org"),
            "pxe": Network("pxe", "10.1.0.0/24"),
        },
        bootactions=actions,
    )


def the_node(site):
    return site.nodes["n1"]


def grants(*names):
    return dict.fromkeys(names or ("act",), GRANT)


async def no_fetch(url):
    raise AssertionError(f"nothing should be fetched, {url} was")


async def stub_fetch(url):
    """What the references used for remote sources; sites/README."""
    return f"stub content of {url}\n".encode()


@cache
def real_site(name):
    """The boot actions as the document has them, the nodes as the original compiled them."""
    effective = reference(name, "effective")
    documents = [d for d in yaml.safe_load_all(site_path(name).read_text()) if d]
    actions = {
        d["metadata"]["name"]: _action(d, effective["bootactions"])
        for d in documents
        if d.get("schema") == "drydock/BootAction/v1"
    }
    return Site(
        networks={
            n: Network(n, m["cidr"], dns_domain=m.get("dns_domain"))
            for n, m in _models(effective["networks"])
        },
        nodes={n: _node(n, m) for n, m in _models(effective["nodes"])},
        bootactions=actions,
    )


def _models(found):
    return [(name, entry.get("model", entry)) for name, entry in found.items()]


def _node(name, model):
    return Node(
        name,
        primary_network=model.get("primary_network"),
        tags=tuple(model.get("tags", ())),
        owner_data=model.get("owner_data", {}),
        addressing=tuple(
            Addressing(a["network"], a["type"], a.get("address"))
            for a in model.get("addressing", ())
        ),
        interfaces=tuple(
            Interface(
                i["device_name"],
                sriov=i.get("sriov", False),
                vf_count=i.get("vf_count", 0),
                trustedmode=i.get("trustedmode", False),
            )
            for i in model.get("interfaces", ())
        ),
    )


def _action(document, compiled):
    name, data = document["metadata"]["name"], document["data"]
    targets = compiled[name].get("model", compiled[name])["target_nodes"]
    return BootActionSpec(
        name, assets=tuple(_asset(a) for a in data["assets"]), target_nodes=tuple(targets)
    )


def _asset(written):
    packages = written["type"] == "pkg_list"
    mode = written.get("permissions")
    return Asset(
        written["type"],
        path=written.get("path"),
        location=written.get("location"),
        data=None if packages else written.get("data"),
        package_list=written.get("data") if packages else None,
        location_pipeline=tuple(written.get("location_pipeline") or ()),
        data_pipeline=tuple(written.get("data_pipeline") or ()),
        permissions=int(mode, 8) if mode else None,
    )


def index_of(path: Path):
    return json.loads(path.read_text(encoding="utf-8"))

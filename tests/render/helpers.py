"""Sites for the render tests: whole designs, and small ones made by hand."""

from functools import cache

from drydockd.design.compile import compile_site
from drydockd.render import ActionGrant
from drydockd.site import Asset, BootActionSpec, Network, Node, Site
from tests.designs import design_path

GRANT = ActionGrant("01CBMC5DFR041061050R3GG2D0", bytes(range(32, 64)).hex())
SETTINGS = {
    "report_url": "http://localhost:9000/api/v1.0/bootactions/",
    "design_ref": "deckhand+http://deckhand.example/revisions/1",
}


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


async def stub_fetch(url, **caller):
    """What stands for remote sources, here and in the references of real sites."""
    return f"stub content of {url}\n".encode()


@cache
def whole_site(name):
    return compile_site(design_path(name).read_bytes())[0]

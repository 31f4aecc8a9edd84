import base64
from dataclasses import replace

import pytest

from drydockd.render import Templates, trial
from drydockd.render.trial import made_up, unrenderable
from drydockd.site import Addressing, Node
from tests.render.helpers import a_site, an_asset

TEMPLATE = ("utf8_decode", "template")


async def failures(*assets, nodes=("n1",), templates=None, **fields):
    site = a_site(*assets, names=("act", "other"))
    actions = {n: replace(s, target_nodes=tuple(nodes)) for n, s in site.bootactions.items()}
    made = {name: Node(name, **fields) for name in nodes}
    site = replace(site, bootactions=actions, nodes=made)
    own = templates or Templates()
    try:
        return await unrenderable(site, own)
    finally:
        await own.close()


async def test_boot_actions_that_render_give_nothing():
    assert not await failures(
        an_asset("{{ node.hostname }} {{ action.action_key }}", "/a", *TEMPLATE),
        an_asset("{% if node.labels.x %}{{ node.labels.x }}{% endif %}", "/b", *TEMPLATE),
    )


async def test_a_failure_names_node_boot_action_asset_and_line():
    (found,) = await failures(an_asset("\n{{ node.labels.zone }}", "/etc/zone", *TEMPLATE))

    assert (found.node, found.bootaction) == ("n1", "act")
    assert found.text.startswith("n1: boot action act, file /etc/zone: ")
    assert "'zone' (line 2)" in found.text


async def test_every_node_that_fails_is_named_and_rendered_once(monkeypatch):
    rendered = []

    class Counting(Templates):
        async def render(self, source, context, owner=""):
            rendered.append(source)
            return await super().render(source, context, owner)

    found = await failures(
        an_asset("{{ node.hostname }}{{ gone }}", "/a", *TEMPLATE),
        nodes=("n1", "n2", "n3"),
        templates=Counting(),
    )

    assert [f.text.partition(":")[0] for f in found] == ["n1", "n2", "n3"]
    assert len(rendered) == 1


async def test_nodes_are_told_apart_by_what_the_template_looks_at():
    site = a_site(an_asset("{{ node.network.pxe.ip }}", "/a", *TEMPLATE))
    on = {
        "n1": Node("n1", addressing=(Addressing("pxe", "static", "10.1.0.1"),)),
        "n2": Node("n2", addressing=(Addressing("oam", "static", "10.0.0.1"),)),
        "n3": Node("n3", addressing=(Addressing("nowhere", "static", "10.0.0.1"),)),
    }
    act = replace(site.bootactions["act"], target_nodes=tuple(on))
    templates = Templates()

    found = await unrenderable(replace(site, nodes=on, bootactions={"act": act}), templates)

    # The third one's address is on no network of the design, which a rule says.
    assert [f.node for f in found] == ["n2"]
    await templates.close()


@pytest.mark.parametrize(
    "source",
    ["{% if node.hostname == 'n2' %}{{ gone }}{% endif %}", "{{ {'n1': 1}[node.hostname] }}"],
)
async def test_a_template_that_fails_for_one_name_only_is_found(source):
    found = await failures(an_asset(source, "/a", *TEMPLATE), nodes=("n1", "n2"))

    assert [f.node for f in found] == ["n2"]


async def test_locations_are_rendered_and_their_content_made_up():
    ok = an_asset(
        None, "/a", "base64_decode", *TEMPLATE,
        location="http://a/{{ node.hostname }}", location_pipeline=("template",),
    )  # fmt: skip
    bad = replace(ok, path="/b", location="http://a/{{ node.gone }}")
    packages = replace(bad, type="pkg_list", path=None)

    found = await failures(ok, bad, packages)

    assert ["/b" in f.text or "pkg_list" in f.text for f in found] == [True, True]


async def test_a_pipeline_that_can_never_work_is_found():
    (found,) = await failures(an_asset("x", "/a", "template"))

    assert "needs text, got bytes" in found.text


@pytest.mark.parametrize(
    ("pipeline", "layers"),
    [
        ((), 0),
        (("base64_decode",), 1),
        (("base64_decode", "base64_decode"), 2),
        (("base64_encode", "base64_decode"), 0),
        (("base64_encode", "base64_decode", "base64_decode"), 1),
    ],
)
def test_made_up_content_can_be_decoded_as_often_as_it_must(pipeline, layers):
    content = made_up(an_asset(None, "/a", *pipeline))
    for _ in range(layers):
        content = base64.b64decode(content, validate=True)

    assert content == b"made up\n"


async def test_what_takes_too_long_for_all_nodes_is_left_out_and_logged(monkeypatch, caplog):
    monkeypatch.setattr(trial, "LONGEST_SECONDS", -1.0)

    assert not await failures(an_asset("{{ gone }}", "/a", *TEMPLATE))
    assert "1 assets were not rendered on trial" in caplog.text

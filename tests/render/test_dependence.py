import base64

import pytest

from drydockd.render.dependence import EVERYTHING, MISSING, Lookup, coarse, is_coarse, lookups
from drydockd.site import Addressing, Node
from tests.render.helpers import an_asset

CONTEXT = {
    "node": {
        "hostname": "n1",
        "labels": {"a": "1", "items": "x"},
        "tags": ["t"],
        "network": {"lan": {"ip": "10.0.0.1"}},
    }
}


def told(source, *pipeline, **more):
    asset = an_asset(source, "/etc/x", *(pipeline or ("utf8_decode", "template")), **more)
    return {(".".join(map(str, found.path)), found.by_value) for found in lookups(asset)}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("{{ node.hostname }} {{ action.action_id }}", {("node.hostname", False)}),
        ("{{ node['network'].lan.ip | upper }}", {("node.network.lan.ip", False)}),
        ("{{ node.labels.a | default('x') }}", {("node.labels.a", False)}),
        ("{{ node.tags | first }}", {("node.tags", True)}),
        ("{% if node.labels.a %}{{ node.hostname }}{% endif %}",
         {("node.labels.a", True), ("node.hostname", False)}),
        ("{% for t in node.tags %}{{ t }}{% endfor %}", {("node.tags", True)}),
        ("{{ node.labels.items() }}", {("node.labels.items", True)}),
        # What was written out comes back as a value.
        ("{% set x %}{{ node.hostname }}{% endset %}{{ x[9] }}", {("node.hostname", True)}),
        ("{{ node }}", {("node", False)}),
        ("{{ node[x] }}", {("node", True)}),
        ("no template {{", set()),
        ("plain text", set()),
    ],
)  # fmt: skip
def test_what_a_template_depends_on(source, found):
    assert told(source) == found


def test_a_template_may_stand_in_base64_or_in_the_location():
    source = base64.b64encode(b"{{ node.hostname }}").decode()

    assert told(source, "base64_decode", "utf8_decode", "template") == {("node.hostname", False)}
    assert told(None, location="http://a/{{ node.labels.a }}", location_pipeline=("template",)) == {
        ("node.labels.a", False)
    }


@pytest.mark.parametrize(
    "pipeline",
    [("utf8_decode", "template", "template"), ("utf8_decode", "template", "base64_decode")],
)
def test_where_the_text_that_comes_out_decides_everything_does(pipeline):
    assert lookups(an_asset("{{ node.hostname }}", "/x", *pipeline)) == EVERYTHING


def test_a_template_too_long_to_be_parsed_here_depends_on_everything():
    assert lookups(an_asset("{{ a }}" * 2000, "/x", "utf8_decode", "template")) == EVERYTHING


@pytest.mark.parametrize(
    ("path", "by_value", "value"),
    [
        (("node", "hostname"), False, str),
        (("node", "hostname"), True, "'n1'"),
        (("node", "labels", "b"), False, MISSING),
        (("node", "labels", "b", "c"), True, MISSING),
        (("node", "labels", "items"), False, repr(CONTEXT["node"]["labels"])),
        (("node", "hostname", "upper"), False, "'n1'"),
        (("node", "tags", 0), False, "['t']"),
    ],
)
def test_what_decides_is_presence_or_value(path, by_value, value):
    assert Lookup(path, by_value).of(CONTEXT) == value


@pytest.mark.parametrize(
    ("path", "by_value", "enough"),
    [
        (("node", "labels", "a"), True, True),
        (("node", "network", "lan", "ip"), False, True),
        (("node", "hostname"), True, False),
        (("node",), False, False),
    ],
)
def test_most_lookups_need_no_context_to_tell_nodes_apart(path, by_value, enough):
    assert is_coarse(Lookup(path, by_value)) is enough


def test_nodes_that_differ_in_name_and_address_only_are_alike():
    def node(name, address, **fields):
        return Node(name, addressing=(Addressing("lan", "static", address),), **fields)

    assert coarse(node("a", "10.0.0.1")) == coarse(node("b", "10.0.0.2"))
    assert coarse(node("a", "10.0.0.1")) != coarse(node("a", "10.0.0.1", owner_data={"a": "b"}))
    assert coarse(node("a", "10.0.0.1")) != coarse(node("a", "10.0.0.1", primary_network="lan"))

"""Filters select what the contract's tables say, and refuse what could widen a request."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design import nodefilter
from drydockd.design.nodefilter import by_names, label_text, parse, select
from drydockd.errors import InvalidFilter
from drydockd.site import Node, Rack, Site


def a_site() -> Site:
    nodes = [
        Node("a", tags=("gpu", "x"), owner_data={"type": "hw", "color": "blue"}, rack="r1"),
        Node("b", tags=("x",), owner_data={"type": "vm", "color": "red"}, rack="r2"),
        Node("c", owner_data={"type": "hw", "color": "red"}, rack="lost"),
        Node("d", owner_data={"tier": "5"}),
    ]
    racks = {
        "r1": Rack("r1", labels={"row": "1", "ssd": "true"}),
        "r2": Rack("r2", labels={"row": "2", "ssd": "true"}),
    }
    return Site(nodes={node.name: node for node in nodes}, racks=racks)


def chosen(kind: str, *terms: dict) -> str:
    return "".join(select(a_site(), parse({"filter_set_type": kind, "filter_set": list(terms)})))


def union(**criteria) -> dict:
    return {"filter_type": "union", **criteria}


def both(**criteria) -> dict:
    return {"filter_type": "intersection", **criteria}


def test_no_filter_means_every_node_in_design_order():
    assert select(a_site(), parse(None)) == ("a", "b", "c", "d")


@pytest.mark.parametrize(
    ("kind", "terms", "names"),
    [
        ("union", [union(node_names=["d", "a", "nobody"])], "ad"),
        ("union", [union(node_names=["a", "a"])], "a"),
        ("union", [union(rack_names=["r2", "nowhere"])], "b"),
        ("union", [both(node_tags=["gpu", "x"])], "ab"),
        ("union", [union(node_tags=["gpu", "x"])], "ab"),
        ("union", [union(node_labels={"color": "red", "type": "hw"})], "abc"),
        ("union", [both(node_labels={"color": "red", "type": "hw"})], "c"),
        ("union", [both(node_labels={"tier": 5})], "d"),
        ("union", [both(rack_labels={"row": 1, "ssd": True})], "a"),
        ("union", [union(rack_labels={"row": "1", "ssd": "true"})], "ab"),
        ("union", [both(rack_labels={"row": "9"})], ""),
        ("intersection", [both(rack_labels={"ssd": "true"}, node_names=["b", "c"])], "b"),
        ("union", [both(node_names=["a"], node_tags=["x"])], "a"),
        ("union", [union(node_names=["c"], node_tags=["x"])], "abc"),
        ("union", [both(node_labels={"color": "red", "type": "hw"}), both(node_names=["a"])], "ac"),
        ("intersection", [both(node_tags=["x"]), union(rack_names=["r1"])], "a"),
        # criteria not used
        ("union", [union()], ""),
        ("union", [both()], ""),
        ("union", [both(node_names=[], node_tags=None, node_labels={})], ""),
        ("intersection", [both()], ""),
        ("intersection", [union()], ""),
        ("intersection", [union(node_names=[]), both(node_names=["a"])], ""),
        ("intersection", [both(), both(node_names=["a"])], "a"),
        ("union", [both(), both(node_names=["a"])], "a"),
        ("union", [union(node_names=[]), both(node_names=["a"])], "a"),
        ("union", [], ""),
        ("intersection", [], ""),
    ],
)
def test_the_case_table_comes_out(kind, terms, names):
    assert chosen(kind, *terms) == names


@pytest.mark.parametrize("rest", [{}, {"filter_set": None}])
def test_a_filter_without_a_set_selects_no_node(rest):
    assert select(a_site(), parse({"filter_set_type": "union", **rest})) == ()


def test_a_site_without_nodes_yields_none():
    assert select(Site(), None) == ()
    assert select(Site(), parse(by_names(["a"]))) == ()


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({}, "filter_set_type"),
        ([], "an object"),
        ("all", "an object"),
        ({"filter_set_type": "any"}, "filter_set_type"),
        ({"filter_set_type": None}, "filter_set_type"),
        ({"filter_set_type": "union", "filter_set": {}}, r"filter_set: a list"),
        ({"filter_set_type": "union", "filter_set": "n1"}, r"filter_set: a list"),
        ({"filter_set_type": "union", "filters": []}, "unknown key 'filters'"),
        ({"filter_set_type": "union", "filter_set": ["n1"]}, r"filter_set\[0\]: an object"),
        ({"filter_set_type": "union", "filter_set": [{}]}, r"filter_set\[0\].filter_type"),
        ({"filter_set_type": "union", "filter_set": [union(), {"filter_type": "x"}]}, r"\[1\]"),
        ({"filter_set_type": "union", "filter_set": [union(node_name=["a"])]}, "node_names?"),
        ({"filter_set_type": "union", "filter_set": [union(node_names="n1,n10")]}, "node_names"),
        ({"filter_set_type": "union", "filter_set": [union(node_tags=[5])]}, r"node_tags\[0\]"),
        ({"filter_set_type": "union", "filter_set": [union(rack_names={"a": 1})]}, "rack_names"),
        ({"filter_set_type": "union", "filter_set": [union(node_labels=["a"])]}, "node_labels"),
        ({"filter_set_type": "union", "filter_set": [union(node_labels={"a": []})]}, "labels.a"),
        ({"filter_set_type": "union", "filter_set": [union(rack_labels={"a": None})]}, "labels.a"),
        ({"filter_set_type": "union", "filter_set": [union(rack_labels={5: "x"})]}, "key 5"),
    ],
)
def test_what_breaks_the_rules_is_refused_by_key(body, where):
    with pytest.raises(InvalidFilter, match=where):
        parse(body, where="node_filter")


def test_the_message_begins_where_the_caller_says():
    with pytest.raises(InvalidFilter, match=r"^body.node_filter.filter_set_type"):
        parse({}, where="body.node_filter")


def test_names_make_the_filter_of_a_subtask():
    assert by_names(("b", "a")) == {
        "filter_set_type": "intersection",
        "filter_set": [{"filter_type": "union", "node_names": ["b", "a"]}],
    }
    assert select(a_site(), parse(by_names(["b", "a"]))) == ("a", "b")
    assert select(a_site(), parse(by_names([]))) == ()


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (5, "5"), (1.5, "1.5"), ("x", "x")])
def test_labels_are_compared_as_text(value, text):
    assert label_text(value) == text


# A model in set algebra, over few values so that filters hit.
KEYS = st.sampled_from("kl")
VALUES = st.sampled_from("12")
LABELS = st.dictionaries(KEYS, VALUES, max_size=2)
NAMES = st.lists(st.sampled_from(["n0", "n1", "n2", "n3", "n9"]), max_size=3)
RACKS = st.dictionaries(st.sampled_from(["r0", "r1"]), LABELS, max_size=2)
NODES = st.lists(
    st.tuples(
        st.sets(st.sampled_from("st"), max_size=2), LABELS, st.sampled_from([None, "r0", "r1"])
    ),
    max_size=4,
)
KINDS = st.sampled_from(["union", "intersection"])
TERMS = st.fixed_dictionaries(
    {"filter_type": KINDS},
    optional={
        "node_names": st.none() | NAMES,
        "node_tags": st.lists(st.sampled_from("stu"), max_size=2),
        "rack_names": st.lists(st.sampled_from(["r0", "r1", "r9"]), max_size=2),
        "node_labels": st.none() | LABELS,
        "rack_labels": LABELS,
    },
)


def model(site: Site, body: dict) -> set[str]:
    everyone = set(site.nodes)

    def where(test):
        return {name for name in everyone if test(site.nodes[name])}

    def result(term):
        pick = all if term["filter_type"] == "intersection" else any
        used = []
        if names := term.get("node_names"):
            used.append(everyone & set(names))
        if tags := term.get("node_tags"):
            used.append(where(lambda n: set(n.tags) & set(tags)))
        if racks := term.get("rack_names"):
            used.append(where(lambda n: n.rack in racks))
        if labels := term.get("node_labels"):
            used.append(where(lambda n: pick(n.owner_data.get(k) == v for k, v in labels.items())))
        if labels := term.get("rack_labels"):
            stands = {
                r for r, rack in site.racks.items()
                if pick(rack.labels.get(k) == v for k, v in labels.items())
            }  # fmt: skip
            used.append(where(lambda n: n.rack in stands))
        if not used:
            return set() if term["filter_type"] == "union" else None
        combine = set.intersection if term["filter_type"] == "intersection" else set.union
        return combine(*used)

    results = [r for r in map(result, body["filter_set"]) if r is not None]
    if not results:
        return set()
    return (set.union if body["filter_set_type"] == "union" else set.intersection)(*results)


@given(NODES, RACKS, KINDS, st.lists(TERMS, max_size=3))
def test_filters_are_set_algebra(nodes, racks, kind, terms):
    site = Site(
        nodes={
            f"n{i}": Node(f"n{i}", tags=tuple(tags), owner_data=labels, rack=rack)
            for i, (tags, labels, rack) in enumerate(nodes)
        },
        racks={name: Rack(name, labels=labels) for name, labels in racks.items()},
    )
    body = {"filter_set_type": kind, "filter_set": terms}
    names = select(site, parse(body))
    assert set(names) == model(site, body)
    assert list(names) == [name for name in site.nodes if name in names]


def test_names_no_node_has_are_told_each_with_the_nearest():
    site = Site(nodes={name: Node(name) for name in ("worker01", "worker02")})
    term = {"filter_type": "union", "node_names": ["wroker01", "worker02", "zzz", "zzz"]}
    wanted = nodefilter.parse({"filter_set_type": "union", "filter_set": [term]})

    found = nodefilter.unmatched(site, wanted)

    assert found == {"wroker01": "worker01", "zzz": None}
    assert nodefilter.unmatched_text("wroker01", "worker01").endswith("did you mean worker01?")
    assert nodefilter.unmatched(site, None) == {}


def test_only_the_first_names_get_a_suggestion():
    found = nodefilter.nearest([f"n{i}x" for i in range(50)], [f"n{i}" for i in range(50)])

    assert len(found) == 50
    assert sum(meant is not None for meant in found.values()) == nodefilter.SUGGESTIONS

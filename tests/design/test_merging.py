"""Each rule of inheritance, and the laws all of them keep."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.design import merging


@pytest.mark.parametrize(
    ("child", "parent", "result"),
    [
        (None, "p", "p"),
        ("c", "p", "c"),
        ("!", "p", None),
        (-1, 4, None),
        (False, True, False),
        (0, 4, 0),
        ("!", None, None),
        ("!x", "p", "!x"),
    ],
)
def test_scalars(child, parent, result):
    assert merging.scalar(child, parent) is result or merging.scalar(child, parent) == result


@pytest.mark.parametrize(
    ("child", "parent", "result"),
    [
        (["b", "!a", "c"], ("a", "d", "b"), ("b", "c", "d")),
        ([], ("a",), ("a",)),
        (["!x", "a"], None, ("a",)),
        (["!a", "a"], ("a", "b"), ("a", "b")),
        (["a", "a"], (), ("a", "a")),
    ],
)
def test_lists(child, parent, result):
    assert merging.items(child, parent) == result


def test_maps_keep_the_parent_s_order_and_drop_what_is_marked():
    parent = {"a": "1", "b": "2", "c": "3"}
    child = {"z": "9", "c": "4", "!b": "anything", "!nothing": ""}
    assert list(merging.mapping(child, parent).items()) == [("a", "1"), ("c", "4"), ("z", "9")]


def test_a_null_in_a_map_removes_the_key():
    assert merging.mapping({"a": None, "x": None}, {"a": "1", "b": "2"}) == {"b": "2"}


def test_a_map_without_parent_loses_its_markers():
    assert merging.mapping({"!a": "", "b": "1"}, None) == {"b": "1"}


def test_keyed_lists_merge_in_place_drop_and_append():
    rule = merging.keyed({"f": merging.scalar, "g": merging.scalar})
    parent = {"a": {"f": 1, "g": 1}, "b": {"f": 2}, "c": {"f": 3}, "d": {"f": 4}}
    child = {"z": {"f": "!"}, "!b": {}, "d": None, "a": {"f": 9}, "!unknown": None}
    assert list(rule(child, parent).items()) == [
        ("a", {"f": 9, "g": 1}),
        ("c", {"f": 3}),
        ("z", {"f": None}),
    ]


def test_a_name_beside_its_marker_is_new():
    rule = merging.keyed({"f": merging.scalar, "g": merging.scalar})
    merged = rule({"!a": {}, "a": {"g": 1}}, {"a": {"f": 1}, "b": {}})
    assert list(merged.items()) == [("b", {}), ("a", {"g": 1})]


NAMES = st.sampled_from(["a", "b", "c", "!a", "!b"])
TEXTS = st.sampled_from(["x", "y", "!", "!x"])
MAPS = st.dictionaries(NAMES, TEXTS, max_size=3)
LISTS = st.lists(NAMES, max_size=4, unique=True)
VOLUMES = st.dictionaries(
    NAMES,
    st.none() | st.fixed_dictionaries({}, optional={"size": TEXTS, "mountpoint": TEXTS}),
    max_size=3,
)
LAYERS = st.fixed_dictionaries(
    {},
    optional={
        "image": TEXTS,
        "rack": TEXTS,
        "owner_data": MAPS,
        "tags": LISTS,
        "interfaces": st.dictionaries(
            NAMES,
            st.none()
            | st.fixed_dictionaries(
                {},
                optional={
                    "networks": LISTS,
                    "network_link": TEXTS,
                    "sriov": st.just(True),
                    "vf_count": st.sampled_from([-1, 0, 4]),
                },
            ),
            max_size=3,
        ),
        "volume_groups": st.dictionaries(
            NAMES,
            st.none() | st.fixed_dictionaries({}, optional={"logical_volumes": VOLUMES}),
            max_size=2,
        ),
    },
)


def complete(*layers):
    """The layers laid on each other, the last one the farthest ancestor."""
    merged = {}
    for layer in reversed(layers):
        merged = merging.fields(layer, merged, merging.HOST)
    return merged


def markers(value) -> bool:
    if isinstance(value, dict):
        return any(k.startswith("!") or v == "!" or markers(v) for k, v in value.items())
    if isinstance(value, tuple):
        return any(v.startswith("!") for v in value)
    return False


@given(LAYERS)
def test_a_child_without_values_is_its_parent(parent):
    assert complete({}, parent) == complete(parent)


@given(LAYERS, LAYERS)
def test_a_child_that_repeats_its_parent_s_completed_lists_and_scalars_changes_nothing(a, b):
    done = complete(a, b)
    flat = {k: list(v) if isinstance(v, tuple) else v for k, v in done.items()}
    assert complete(flat, {}) == done
    assert complete(flat, flat) == done


@given(LAYERS, LAYERS, LAYERS)
def test_completing_is_repeatable_and_changes_no_input(a, b, c):
    before = repr((a, b, c))
    assert complete(a, b, c) == complete(a, b, c)
    assert repr((a, b, c)) == before


@given(LAYERS, LAYERS)
def test_no_marker_survives(child, parent):
    done = complete(child, parent)
    # "!x" as a scalar is a value of its own, not a marker.
    assert not markers({k: v for k, v in done.items() if k not in ("owner_data",)})
    assert not any(key.startswith("!") for key in done.get("owner_data", {}))


@given(LAYERS, LAYERS)
def test_untouched_fields_are_the_parent_s_very_objects(child, parent):
    done = complete(parent)
    merged = merging.fields(child, done, merging.HOST)
    assert all(merged[key] is done[key] for key in done if key not in child)

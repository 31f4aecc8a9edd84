"""One merge patch: what we set, what we no longer want; what is foreign stays."""

import json

import pytest

from drydockd.drivers.kubernetes.ownership import ANNOTATION, owned, patch_of
from drydockd.errors import DriverUnsupported


def metadata(labels, ours=None, version="7"):
    annotations = {} if ours is None else {ANNOTATION: json.dumps(ours)}
    return {"labels": labels, "annotations": annotations, "resourceVersion": version}


def test_new_and_changed_labels_are_set_and_remembered():
    patch = patch_of(metadata({"a": "1", "foreign": "x"}), {"a": "2", "b": ""})
    assert patch == {
        "metadata": {
            "resourceVersion": "7",
            "labels": {"a": "2", "b": ""},
            "annotations": {ANNOTATION: '["a", "b"]'},
        }
    }


def test_a_label_we_set_and_no_longer_want_is_removed_and_a_foreign_one_is_not():
    patch = patch_of(
        metadata({"old": "1", "foreign": "x", "b": ""}, ["old", "b", "away"]), {"b": ""}
    )
    assert patch["metadata"]["labels"] == {"old": None}
    assert patch["metadata"]["annotations"] == {ANNOTATION: '["b"]'}


def test_a_node_that_is_as_it_should_be_is_not_written():
    assert patch_of(metadata({"b": "1", "foreign": "x"}, ["b"]), {"b": "1"}) is None
    assert patch_of(metadata({"foreign": "x"}), {}) is None


def test_a_foreign_label_of_the_right_value_becomes_ours():
    patch = patch_of(metadata({"b": "1"}), {"b": "1"})
    assert "labels" not in patch["metadata"]
    assert patch["metadata"]["annotations"] == {ANNOTATION: '["b"]'}


def test_removing_all_empties_the_annotation():
    patch = patch_of(metadata({"b": "1"}, ["b"]), {})
    assert patch["metadata"]["labels"] == {"b": None}
    assert patch["metadata"]["annotations"] == {ANNOTATION: "[]"}


def test_what_kubernetes_keeps_itself_is_set_when_named_and_never_removed():
    key = "topology.kubernetes.io/zone"
    patch = patch_of(metadata({key: "a"}), {key: "b"})
    assert patch["metadata"]["labels"] == {key: "b"}
    patch = patch_of(metadata({key: "b"}, [key]), {})
    assert "labels" not in patch["metadata"]


@pytest.mark.parametrize("text", ["no json", "{}", "7", '{"a": 1}'])
def test_an_annotation_that_is_no_list_owns_nothing(text):
    assert owned({ANNOTATION: text}) == frozenset()
    node = {"labels": {"a": "1"}, "annotations": {ANNOTATION: text}}
    assert patch_of(node, {"b": "1"})["metadata"]["labels"] == {"b": "1"}


def test_of_a_list_only_texts_are_keys():
    assert owned({ANNOTATION: '["a", 1, null]'}) == {"a"}


def test_a_bare_node_gets_its_first_labels():
    assert patch_of({}, {"a": "1"})["metadata"]["labels"] == {"a": "1"}


def test_more_annotations_than_kubernetes_takes_are_told_before_the_call():
    full = {"labels": {}, "annotations": {"other": "x" * (256 * 1024 - 10)}}
    with pytest.raises(DriverUnsupported, match="Kubernetes takes 262144"):
        patch_of(full, {"a": "1"})

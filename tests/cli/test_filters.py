"""Options to node filter."""

import click
import pytest

from drydockd.cli.filters import node_filter_from
from drydockd.design.nodefilter import parse


def of(filter_file=None, **given):
    return node_filter_from(filter_file, **given)


def test_nothing_given_is_no_filter():
    assert of(node_names=None, rack_names=None, node_tags=None) is None


def test_everything_given_is_added_up_in_one_filter():
    found = of(node_names=" n1, n2 ,", rack_names="r1", node_tags="a,b", node_labels="k=v, l = w=x")
    assert found == {
        "filter_set_type": "intersection",
        "filter_set": [
            {
                "filter_type": "union",
                "node_names": ["n1", "n2"],
                "rack_names": ["r1"],
                "node_tags": ["a", "b"],
                "node_labels": {"k": "v", "l": "w=x"},
            }
        ],
    }


def test_tags_alone_are_sent_and_unused_lists_are_not():
    assert of(node_tags="masters", node_names=None)["filter_set"] == [
        {"filter_type": "union", "node_tags": ["masters"]}
    ]


def test_the_server_takes_what_is_built():
    assert parse(of(node_names="n1", rack_labels="a=b")) is not None


@pytest.mark.parametrize("value", ["", " ", ",", " , "])
def test_an_empty_list_is_refused_for_it_would_mean_all_nodes(value):
    with pytest.raises(click.UsageError, match="--node-names is empty"):
        of(node_names=value)


@pytest.mark.parametrize("value", ["a", "a=b,c", "=b"])
def test_a_label_needs_a_key_and_a_value(value):
    with pytest.raises(click.UsageError, match=r"--node-labels: .* is not key=value"):
        of(node_labels=value)


def test_a_file_gives_the_whole_filter(tmp_path):
    path = tmp_path / "filter.yaml"
    path.write_text("filter_set_type: union\nfilter_set: []\n")
    assert of(path) == {"filter_set_type": "union", "filter_set": []}
    path.write_text('{"node_filter": {"filter_set_type": "union"}}')
    assert of(path) == {"filter_set_type": "union"}
    with pytest.raises(click.UsageError, match="does not go with"):
        of(path, node_names="n1")


@pytest.mark.parametrize("text", ["- a", "", "a: [", "\x00", "node_filter: null"])
def test_a_file_that_is_no_filter_is_refused(tmp_path, text):
    path = tmp_path / "filter.yaml"
    path.write_text(text)
    with pytest.raises(click.UsageError, match=r"filter\.yaml: "):
        of(path)

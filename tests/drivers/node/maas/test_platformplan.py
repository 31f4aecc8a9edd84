"""The tags of a machine: which are made, put on, taken off, and which names are refused."""

import pytest

from drydockd.drivers.node.maas.platformplan import absorb, next_change, wanted_tags
from drydockd.errors import DriverUnsupported
from drydockd.plans import PlatformPlan


def plan(params="quiet", *tags, tag="n1_kp"):
    return PlatformPlan("jammy", "ga-22.04", params, tag, tags)


def a_tag(name, comment="made by drydockd", kernel_opts=""):
    return {"name": name, "comment": comment, "kernel_opts": kernel_opts, "definition": ""}


def acts(tags, has=(), *there):
    """All changes, each answered as MAAS does."""
    state = {
        "machine": {"system_id": "sid1", "tag_names": list(has)},
        "tags": {tag["name"]: tag for tag in there},
    }
    made = []
    while (change := next_change(tags, state)) is not None:
        made.append((change.method, change.path, change.op, dict(change.form)))
        form = change.form
        answer = a_tag(form.get("name"), form.get("comment"), form.get("kernel_opts", ""))
        absorb(state, change, answer)
        assert len(made) < 20
    return [" ".join(filter(None, act[:3])) for act in made]


def test_the_kernel_options_are_a_tag_of_their_own():
    assert acts(wanted_tags("n1", plan())) == [
        "POST tags/",
        "POST tags/n1_kp/ update_nodes",
    ]


def test_what_is_there_already_is_left_alone():
    tags = wanted_tags("n1", plan("quiet", "gpu"))
    there = a_tag("n1_kp", kernel_opts="quiet"), a_tag("gpu", "somebody's")
    assert acts(tags, ["n1_kp", "gpu"], *there) == []


def test_other_kernel_options_change_the_tag_in_place():
    tags = wanted_tags("n1", plan("quiet nosmt"))
    there = a_tag("n1_kp", kernel_opts="quiet")
    assert acts(tags, ["n1_kp"], there) == ["PUT tags/n1_kp/"]


def test_without_kernel_options_their_tag_goes():
    tags = wanted_tags("n1", plan(""))
    assert acts(tags, ["n1_kp"], a_tag("n1_kp", kernel_opts="quiet")) == ["DELETE tags/n1_kp/"]
    assert acts(tags) == []


def test_tags_of_ours_that_the_design_dropped_are_taken_off_and_others_stay():
    tags = wanted_tags("n1", plan("", "gpu"))
    there = a_tag("gpu"), a_tag("old"), a_tag("theirs", "by hand"), a_tag("n1__baid__ab")
    has = ["gpu", "old", "theirs", "n1__baid__ab"]
    assert acts(tags, has, *there) == ["POST tags/old/ update_nodes"]


def test_a_tag_named_twice_is_put_on_once():
    assert wanted_tags("n1", plan("", "gpu", "gpu")).names == ("gpu",)


@pytest.mark.parametrize("name", ["node1.x", "a b", "", "ä", "a" * 257, "rack/1"])
def test_a_name_that_maas_refuses_is_told_before_anything(name):
    with pytest.raises(DriverUnsupported, match=r"node n1: metadata\.tags: .*letters, digits"):
        wanted_tags("n1", plan("", name))


def test_a_node_whose_name_makes_no_tag_is_told_where_it_has_kernel_options():
    with pytest.raises(DriverUnsupported, match=r"platform\.kernel_params: tag 'n1\.site_kp'"):
        wanted_tags("n1.site", plan("quiet", tag="n1.site_kp"))
    wanted_tags("n1.site", plan("", tag="n1.site_kp"))


@pytest.mark.parametrize(
    ("name", "words"),
    [("n1__baid__x", "keys of deployments"), ("n1_kp", "tag of its kernel options")],
)
def test_names_that_are_ours_are_no_tags_of_a_design(name, words):
    with pytest.raises(DriverUnsupported, match=words):
        wanted_tags("n1", plan("", name))

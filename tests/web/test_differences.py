from dataclasses import replace

from drydockd.site import Node, Site
from drydockd.web.differences import Change, differences

OLD = Node("n1", image="jammy", oob_type="ipmi", oob_parameters={"credential": "secret-1"})


def test_like_changes_of_many_nodes_are_one():
    names = ("n1", "n2", "n3")
    deployed = {name: replace(OLD, name=name) for name in names}
    site = Site(nodes={name: replace(OLD, name=name, image="noble") for name in names})
    assert differences(deployed, site).changes == [
        Change("platform › image", "jammy", "noble", list(names))
    ]


def test_nodes_that_came_and_went_are_told():
    found = differences({"old": OLD}, Site(nodes={"new": replace(OLD, name="new")}))
    assert (found.added, found.removed, found.changes) == (["new"], ["old"], [])


def test_a_value_that_came_or_went_has_nothing_on_the_other_side():
    found = differences({"n1": OLD}, Site(nodes={"n1": replace(OLD, image=None, kernel="ga")}))
    assert {(c.what, c.before, c.after) for c in found.changes} == {
        ("platform › image", "jammy", ""),
        ("platform › kernel", "", "ga"),
    }


def test_no_secret_is_in_what_differs():
    new = replace(OLD, oob_parameters={"credential": "secret-2"})
    assert "secret" not in repr(differences({"n1": OLD}, Site(nodes={"n1": new})))

from dataclasses import replace

from drydockd.model import Pin
from drydockd.store.codec import BuildRow
from drydockd.store.named import blobs_named, newly_named
from tests.store.helpers import a_context, a_task


def with_parts(*parts, context_id="c", design="d"):
    pin = Pin("act/0", "s", 1, 1, 1, parts)
    return a_context("n1", context_id, design=design, pins=(pin,))


def test_a_row_names_its_design_its_element_and_its_pins_each_as_often_as_it_does():
    assert blobs_named(None) == blobs_named(a_task("t")) == ()
    assert blobs_named(replace(a_task("t"), design="d")) == ("d",)
    assert blobs_named(BuildRow(None, "b")) == ("b",)
    assert blobs_named(with_parts("x", "y", "x")) == ("d", "x", "y", "x")


def test_a_row_is_the_first_to_name_what_the_one_before_did_not():
    assert newly_named(None, with_parts("x")) == {"d", "x"}
    assert newly_named(with_parts("x"), with_parts("x", "y")) == {"y"}
    assert newly_named(with_parts("x"), None) == set()


def test_a_new_deployment_names_its_pins_anew():
    assert newly_named(with_parts("x"), with_parts("x", context_id="c2")) == {"x"}

"""What lives long and cannot be garbage in a cycle is left out of collections."""

import gc

import pytest

from drydockd.garbage import OFTEN, SELDOM, YOUNG, settle, untrack


@pytest.fixture
def as_before():
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_untracked_values_are_left_out_and_end_as_others_do():
    value = [["text"]]
    assert gc.is_tracked(value)

    untrack(value, value[0])
    untrack(value)

    assert not gc.is_tracked(value)
    assert not gc.is_tracked(value[0])


@pytest.mark.usefixtures("as_before")
def test_a_settled_process_keeps_what_it_has_and_seldom_looks_at_all():
    settle()

    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (YOUNG, OFTEN, SELDOM)

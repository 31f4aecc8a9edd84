"""The algebra against the contract's tables (orchestration, section 3; tasks, section 3.1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.model import Action, Result, ResultStatus, Task, TaskStatus
from drydockd.tasks.words import results

STATUS = {s.value: s for s in ResultStatus}


def a_task(status="success", *, good=(), bad=(), retry=0, action=Action.DEPLOY_NODE, done=True):
    return Task(
        f"t{id(object())}",
        action,
        status=TaskStatus.COMPLETE if done else TaskStatus.RUNNING,
        result=Result(STATUS[status], successes=tuple(good), failures=tuple(bad)),
        retry=retry,
        scope=tuple(good) + tuple(bad),
    )


@pytest.mark.parametrize(
    ("before", "on_success", "on_failure"),
    [
        ("incomplete", "success", "failure"),
        ("success", "success", "partial_success"),
        ("failure", "partial_success", "failure"),
        ("partial_success", "partial_success", "partial_success"),
    ],
)
def test_recording_follows_the_table(before, on_success, on_failure):
    result = Result(STATUS[before])

    assert results.success(result).status == on_success
    assert results.failure(result).status == on_failure


def test_an_entity_is_listed_once_in_order_of_recording():
    result = results.success(results.success(results.success(Result(), "b"), "a"), "b")

    assert result.successes == ("b", "a")


def test_bubble_takes_successes_of_one_action_but_failures_of_all():
    subs = [
        a_task(good=["n1"], bad=["n2"], action=Action.DEPLOY_NODE),
        a_task(good=["n3"], bad=["n4"], action=Action.APPLY_NODE_STORAGE),
        a_task(good=["n5"], bad=["n6"], done=False),
    ]

    result = results.bubble(a_task(good=["old"]), subs, Action.DEPLOY_NODE)

    assert (result.successes, result.failures) == (("n1",), ("n2", "n4"))


def test_a_retried_task_counts_only_failures_of_its_own_retry():
    subs = [a_task("failure", bad=["n1", "n2"]), a_task("failure", bad=["n2"], retry=1)]

    assert results.bubble(a_task(retry=1), subs).failures == ("n2",)
    assert results.align(a_task(retry=1), Result(), subs[:1]).status == "incomplete"


@pytest.mark.parametrize(
    ("children", "status"),
    [
        ([], "success"),
        (["success"], "success"),
        (["failure"], "failure"),
        (["success", "failure"], "partial_success"),
        (["partial_success"], "partial_success"),
        (["incomplete"], "incomplete"),
    ],
)
def test_align_folds_the_ended_subtasks(children, status):
    subs = [a_task(child) for child in children]

    assert results.align(a_task("failure"), Result(ResultStatus.FAILURE), subs).status == status


def summed(step, subs, *order):
    total = results.Sum(step)
    total.add(subs)
    return total.result({name: place for place, name in enumerate(order)})


def test_collect_keeps_a_failure_that_was_not_worth_a_retry():
    step = a_task(retry=1)
    subs = [
        a_task("failure", bad=["hopeless"]),
        a_task("failure", bad=["n1"]),
        a_task("success", good=["n1"], retry=1),
    ]

    result = summed(step, subs, "hopeless", "n1")

    assert (result.status, result.successes, result.failures) == (
        "partial_success",
        ("n1",),
        ("hopeless",),
    )


def test_collect_lists_in_design_order():
    subs = [a_task(good=["n3"]), a_task(good=["n1"]), a_task(good=["n2"])]

    assert summed(a_task(), subs, "n1", "n2", "n3").successes == ("n1", "n2", "n3")


def test_a_step_whose_children_all_failed_failed():
    subs = [a_task("failure", bad=["n2"]), a_task("failure", bad=["n1"])]

    result = summed(a_task(), subs, "n1", "n2")

    assert (result.status, result.successes, result.failures) == ("failure", (), ("n1", "n2"))


def test_children_may_be_added_in_any_portions():
    step = a_task(retry=1)
    subs = [a_task("failure", bad=["n1"]), a_task(good=["n2"]), a_task(good=["n1"], retry=1)]
    one_by_one = results.Sum(step)
    for sub in subs:
        one_by_one.add([sub])

    assert one_by_one.result({"n1": 0, "n2": 1}) == summed(step, subs, "n1", "n2")
    assert set(one_by_one.nodes) == {"n1", "n2"}


@given(st.lists(st.text(max_size=3), unique=True), st.data())
def test_the_final_lists_partition_the_scope(scope, data):
    passed = data.draw(st.sets(st.sampled_from(scope))) if scope else set()

    result = results.partition(scope, passed)

    assert set(result.successes) == passed
    assert set(result.successes).isdisjoint(result.failures)
    assert sorted(result.successes + result.failures) == sorted(scope)
    assert list(result.successes) == [name for name in scope if name in passed]
    assert (result.status == "success") == (passed == set(scope))
    assert (result.status == "failure") == (bool(scope) and not passed)


def test_a_terminated_task_failed_but_keeps_its_lists():
    result = results.cut_short(results.partition(["n1", "n2"], ["n1"]))

    assert (result.status, result.message) == ("failure", "Action terminated.")
    assert (result.successes, result.failures) == (("n1",), ("n2",))

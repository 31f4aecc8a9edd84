"""Who may run, against the plain rule on a list of all tasks."""

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drydockd.tasks.schedule.claims import Blocker, Claims


def enter(claims, task_id, nodes, *, is_alone=False, source="x"):
    claims.enter(task_id, ord(task_id), source)
    claims.resolve(task_id, nodes, is_alone=is_alone)


def test_disjoint_tasks_run_together():
    claims = Claims()
    enter(claims, "a", ["n1"])
    enter(claims, "b", ["n2"])

    assert claims.take_ready() == ["a", "b"]


def test_a_shared_node_is_used_in_order_of_arrival_and_the_waiting_know_for_whom():
    claims = Claims()
    enter(claims, "a", ["n1", "n2", "n3"])
    enter(claims, "b", ["n3", "n2", "n4"])

    assert claims.take_ready() == ["a"]
    assert claims.take_waiting() == [("b", Blocker("a", ("n3", "n2")))]
    claims.leave("a")
    assert claims.take_ready() == ["b"]


def test_a_site_wide_task_runs_alone():
    claims = Claims()
    enter(claims, "a", ["n1"])
    enter(claims, "b", [], is_alone=True)
    enter(claims, "c", ["n2"])

    assert claims.take_ready() == ["a"]
    assert dict(claims.take_waiting()) == {"b": Blocker("a"), "c": Blocker("b")}
    claims.leave("a")
    assert claims.take_ready() == ["b"]
    claims.leave("b")
    assert claims.take_ready() == ["c"]


def test_a_task_whose_design_is_loading_holds_up_younger_ones_of_its_reference_only():
    claims = Claims()
    claims.enter("a", 1, "silent")
    enter(claims, "b", ["n1"], source="silent")
    enter(claims, "c", ["n1"], source="other")
    enter(claims, "d", ["n2"], source="other")

    assert claims.take_ready() == ["d"]
    assert claims.blocker("b") == Blocker("a", is_loading=True)
    assert claims.blocker("c") == Blocker("b", ("n1",))

    claims.resolve("a", ["n3"])
    assert claims.take_ready() == ["a", "b"]


def test_a_loading_task_that_turns_out_to_want_what_younger_ones_hold_waits_for_them():
    claims = Claims()
    claims.enter("a", 1, "silent")
    enter(claims, "b", ["n1"])
    assert claims.take_ready() == ["b"]
    enter(claims, "c", ["n1", "n2"])
    claims.resolve("a", ["n1", "n2"])
    enter(claims, "d", ["n2"])

    assert claims.take_ready() == []
    assert dict(claims.take_waiting()) == {
        "c": Blocker("b", ("n1",)),
        "a": Blocker("b", ("n1",)),
        "d": Blocker("a", ("n2",)),
    }
    claims.leave("b")
    assert claims.take_ready() == ["a"]


def test_a_site_wide_task_takes_its_place_when_its_design_is_there_and_is_not_starved():
    claims = Claims()
    claims.enter("a", 1, "silent")
    enter(claims, "b", ["n1"])
    assert claims.take_ready() == ["b"]
    claims.resolve("a", [], is_alone=True)
    enter(claims, "c", ["n2"])

    assert claims.take_ready() == []
    assert dict(claims.take_waiting()) == {"a": Blocker("b"), "c": Blocker("a")}
    claims.leave("b")
    assert claims.take_ready() == ["a"]
    claims.leave("a")
    assert claims.take_ready() == ["c"]


def test_an_older_task_waits_for_a_site_wide_one_that_began_while_it_was_loading():
    claims = Claims()
    claims.enter("a", 1, "silent")
    enter(claims, "b", [], is_alone=True)
    assert claims.take_ready() == ["b"]
    claims.resolve("a", ["n1"])

    assert claims.take_ready() == []
    assert claims.blocker("a") == Blocker("b")
    claims.leave("b")
    assert claims.take_ready() == ["a"]


def test_a_late_resolved_task_keeps_its_place_before_those_of_its_reference():
    claims = Claims()
    claims.enter("a", 1, "x")
    enter(claims, "b", ["n1"])
    claims.resolve("a", ["n1"])

    assert claims.take_ready() == ["a"]


def test_a_running_task_is_not_passed_by_one_that_arrived_before_it():
    claims = Claims()
    claims.hold("b", 2, "x", ["n1"])
    claims.enter("a", 1, "x")
    claims.resolve("a", ["n1"])

    assert claims.take_ready() == []
    assert claims.blocker("a") == Blocker("b", ("n1",))


def test_a_task_found_running_holds_its_nodes():
    claims = Claims()
    claims.hold("a", 1, "x", ["n1"])
    enter(claims, "b", ["n1"])

    assert claims.take_ready() == []
    claims.leave("a")
    assert claims.take_ready() == ["b"]


def test_leaving_twice_is_fine():
    claims = Claims()
    enter(claims, "a", ["n1"])
    claims.leave("a")
    claims.leave("a")
    assert claims.blocker("a") is None


NODES = st.sets(st.sampled_from("1234"), min_size=1).map(sorted)
MOVES = st.lists(
    st.tuples(
        st.sampled_from(["enter", "alone", "load", "resolve", "resolve", "hold", "leave"]),
        NODES,
        st.sampled_from("xyz"),
        st.integers(0, 1000),
    )
)
LOADING, ALONE = None, ()


@dataclass
class Wish:
    """A task as the plain rule knows it; `nodes` None while loading, () for the whole site."""

    order: tuple[int, str]
    source: str
    nodes: tuple[str, ...] | None
    is_running: bool = False

    def collides(self, other):
        return ALONE in (self.nodes, other.nodes) or bool(set(self.nodes) & set(other.nodes))


def in_the_way(wish, wishes):
    """The rule, told plainly: who has to go before `wish` may run."""
    found = set()
    for other in wishes:
        is_older = other.order < wish.order
        if other.nodes is LOADING:
            if is_older and other.source == wish.source:
                found.add(other.order[1])
        elif other is not wish and (other.is_running or is_older) and wish.collides(other):
            found.add(other.order[1])
    return found


def begin(wishes):
    for wish in sorted(wishes, key=lambda wish: wish.order):
        if wish.nodes is not LOADING and not wish.is_running and not in_the_way(wish, wishes):
            wish.is_running = True
            yield wish.order[1]


@pytest.mark.slow
@settings(max_examples=600, deadline=None)
@given(MOVES)
def test_the_free_tasks_are_those_of_the_plain_rule(moves):
    claims, wishes = Claims(), {}
    for number, (move, nodes, source, pick) in enumerate(moves):
        name = f"t{number}"
        wish = Wish((pick, name), source, LOADING)
        if move in ("enter", "alone", "load"):
            claims.enter(name, pick, source)
            wishes[name] = wish
            if move != "load":
                wish.nodes = tuple(nodes) if move == "enter" else ALONE
                claims.resolve(name, wish.nodes, is_alone=move == "alone")
        elif move == "hold":
            wish.nodes = tuple(nodes)
            if not any(w.is_running and w.collides(wish) for w in wishes.values()):
                wish.is_running = True
                wishes[name] = wish
                claims.hold(name, pick, source, nodes)
        elif move == "resolve":
            loading = [w for w in wishes.values() if w.nodes is LOADING]
            if loading:
                wish = loading[pick % len(loading)]
                wish.nodes = ALONE if pick % 3 == 0 else tuple(nodes)
                claims.resolve(wish.order[1], wish.nodes, is_alone=wish.nodes == ALONE)
        elif wishes:
            name = sorted(wishes)[pick % len(wishes)]
            claims.leave(name)
            del wishes[name]
        assert claims.take_ready() == list(begin(wishes.values()))
        told = dict(claims.take_waiting())
        for name, wish in wishes.items():
            blocker = claims.blocker(name)
            if wish.nodes is LOADING or wish.is_running:
                assert blocker is None
            else:
                assert blocker.task_id in in_the_way(wish, wishes.values())
                assert told.get(name, blocker) == blocker
        at_work = [w for w in wishes.values() if w.is_running]
        assert not any(a.collides(b) for a, b in itertools.combinations(at_work, 2))

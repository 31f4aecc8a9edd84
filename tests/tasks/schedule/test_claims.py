"""Who may run, against the plain rule on a list of all tasks."""

from hypothesis import given, settings
from hypothesis import strategies as st

from drydockd.tasks.schedule.claims import Blocker, Claims


def enter(claims, task_id, nodes, *, is_alone=False):
    claims.enter(task_id, ord(task_id))
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


def test_a_task_whose_nodes_are_not_known_yet_holds_up_the_younger_ones_only():
    claims = Claims()
    enter(claims, "a", ["n1"])
    claims.enter("b", ord("b"))
    enter(claims, "c", ["n1", "n2"])
    assert claims.take_ready() == ["a"]
    assert claims.blocker("c") == Blocker("b", is_loading=True)

    claims.resolve("b", ["n3"])

    assert claims.take_ready() == ["b"]
    assert claims.blocker("c") == Blocker("a", ("n1",))


def test_a_late_resolved_task_keeps_its_place_on_a_shared_node():
    claims = Claims()
    claims.enter("a", ord("a"))
    enter(claims, "b", ["n1"])
    claims.resolve("a", ["n1"])

    assert claims.take_ready() == ["a"]


def test_a_task_found_running_holds_its_nodes():
    claims = Claims()
    claims.hold("a", ord("a"), ["n1"])
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
    st.tuples(st.sampled_from(["enter", "alone", "load", "resolve", "leave"]), NODES, st.integers())
)


def expected_running(order, wanted):
    """The rule, told plainly: `wanted` is task -> nodes, None loading, () alone."""
    running = set()
    for place, task in enumerate(order):
        older = order[:place]
        mine = wanted[task]
        if mine is None or (mine == () and older):
            break_here = True
        elif mine == ():
            running.add(task)
            break_here = True
        else:
            break_here = False
            if not any(set(mine) & set(wanted[o]) for o in older):
                running.add(task)
        if break_here:
            break
    return running


@settings(max_examples=300, deadline=None)
@given(MOVES)
def test_the_free_tasks_are_those_of_the_plain_rule(moves):
    claims, order, wanted, running = Claims(), [], {}, set()
    for number, (move, nodes, pick) in enumerate(moves):
        task = f"{number:04}"
        if move in ("enter", "alone", "load"):
            claims.enter(task, number)
            order.append(task)
            wanted[task] = None
            if move != "load":
                claims.resolve(task, nodes if move == "enter" else (), is_alone=move == "alone")
                wanted[task] = tuple(nodes) if move == "enter" else ()
        elif move == "resolve":
            loading = [t for t in order if wanted[t] is None]
            if loading:
                task = loading[pick % len(loading)]
                claims.resolve(task, nodes)
                wanted[task] = tuple(nodes)
        elif order:
            task = order[pick % len(order)]
            claims.leave(task)
            order.remove(task)
            running.discard(task)
        running.update(claims.take_ready())
        claims.take_waiting()
        assert running == expected_running(order, wanted)
        for task in order:
            is_waiting = wanted[task] is not None and task not in running
            assert (claims.blocker(task) is not None) == is_waiting

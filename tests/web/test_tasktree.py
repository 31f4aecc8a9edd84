from drydockd.web.tasktree import State, Tally, Tree, grouped, state_of

ROOT = "root"


def told(task_id, action, *, parent=ROOT, node=None, nodes=0, **more):
    data = {"task_id": task_id, "parent_task_id": parent, "action": action, "status": "running",
            "result": "incomplete", "retry": 0, "started": None, "deadline": None,
            "updated": "2026-01-01T00:00:00+00:00"} | more  # fmt: skip
    return data | ({"node": node} if node else {"nodes": nodes})


def deploying(*, nodes=3, reason=lambda _: None):
    tree = Tree(ROOT, "bootaction_report", reason)
    tree.take("state", told(ROOT, "deploy_nodes", parent=None, nodes=nodes))
    tree.take("state", told("s1", "deploy_node", nodes=nodes))
    return tree


def attempt(tree, task_id, node, result, *, parent="s1", action="deploy_node", **more):
    status = "running" if result == "incomplete" else "complete"
    data = told(task_id, action, parent=parent, node=node, status=status, result=result, **more)
    tree.take("node", data)


def test_a_state_is_one_word_of_status_and_result():
    assert state_of("complete", "success") is State.DONE
    assert state_of("complete", "partial_success") is State.PARTLY
    assert state_of("complete", "failure") is State.FAILED
    assert state_of("terminated", "failure") is State.CANCELLED
    assert state_of("terminating", "incomplete") is State.STOPPING
    assert state_of("queued", "incomplete") is State.WAITING
    assert state_of("requested", "incomplete") is State.WAITING


def test_a_step_counts_its_nodes_failures_first_and_those_that_have_not_come():
    tree = deploying()
    attempt(tree, "a", "n2", "success")
    attempt(tree, "b", "n1", "failure")
    step = tree.steps["deploy_node"]
    assert step.counts == [(State.FAILED, 1), (State.WAITING, 1), (State.DONE, 1)]
    assert [record.node for record in step.shown(9, 9)] == ["n1", "n2"]


def test_of_many_nodes_those_that_are_done_are_left_out_first():
    tree = deploying(nodes=30)
    for number in range(30):
        attempt(tree, f"t{number}", f"n{number:02}", "success" if number % 3 else "incomplete")
    shown = tree.steps["deploy_node"].shown(20, 12)
    assert [record.state for record in shown] == [State.RUNNING] * 10 + [State.DONE] * 2


def test_a_failed_attempt_is_no_failure_of_the_node_while_it_may_be_tried_again():
    tree = deploying(nodes=1)
    attempt(tree, "a", "n1", "failure")
    assert tree.counts == [(State.RUNNING, 1)]
    attempt(tree, "b", "n1", "incomplete", retry=1)
    assert [one.retry for one in tree.attempts["n1"]] == [0, 1]
    tree.refuse("n1", "Node n1 failed deploy_node: no power")
    assert tree.counts == [(State.FAILED, 1)]


def test_a_node_is_done_after_the_last_step_only():
    tree = deploying(nodes=1)
    attempt(tree, "a", "n1", "success")
    assert tree.counts == [(State.RUNNING, 1)]
    attempt(tree, "b", "n1", "success", parent="s2", action="bootaction_report")
    assert tree.counts == [(State.DONE, 1)]


def test_the_result_of_the_task_is_the_last_word_and_who_never_began_was_cancelled():
    tree = deploying(nodes=3)
    attempt(tree, "a", "n1", "success")
    end = told(ROOT, "deploy_nodes", parent=None, nodes=3, status="complete", result="failure")
    tree.take("state", end)
    tree.end(["n1"], ["n2"])
    assert tree.counts == [(State.FAILED, 1), (State.CANCELLED, 1), (State.DONE, 1)]


def test_nodes_that_go_their_own_ways_make_one_step_of_each_action():
    tree = Tree(ROOT, "configure_hardware")
    tree.take("state", told(ROOT, "prepare_nodes", parent=None, nodes=2))
    for node in ("n1", "n2"):
        tree.take("node", told(f"b-{node}", "prepare_nodes", node=node))
        tree.take("state", told(f"s-{node}", "set_node_boot", parent=f"b-{node}", node=node))
        attempt(tree, f"l-{node}", node, "success", parent=f"s-{node}", action="set_node_boot")
    assert list(tree.steps) == ["set_node_boot"]
    assert tree.steps["set_node_boot"].expected == 2
    assert tree.counts == [(State.RUNNING, 2)]


def test_a_tree_as_it_is_may_tell_of_a_node_before_its_step():
    tree = Tree(ROOT, "deploy_node")
    attempt(tree, "a", "n1", "success")
    tree.take("state", told("s1", "deploy_node", nodes=1, status="complete", result="success"))
    tree.take("state", told(ROOT, "deploy_nodes", parent=None, nodes=1))
    assert tree.counts == [(State.DONE, 1)]
    assert tree.steps["deploy_node"].state is State.DONE


def test_causes_are_one_whatever_node_and_address_they_name():
    why = {
        "a": "n1: 10.0.0.1 refuses the login",
        "b": "n2: 10.0.0.2 refuses the login",
        "c": "no disk",
    }
    tree = deploying(reason=why.get)
    for task_id, node in (("a", "n1"), ("b", "n2"), ("c", "n3")):
        attempt(tree, task_id, node, "failure")
        tree.refuse(node, "the task says so too")
    first, second = tree.causes
    assert (first.step, first.text, first.nodes) == (
        "deploy_node",
        "… refuses the login",
        ("n1", "n2"),
    )
    assert (second.text, second.nodes, second.step_task_id) == ("no disk", ("n3",), "c")


def test_a_cause_of_one_node_is_told_as_it_was_said_and_none_is_said_so():
    assert grouped([("n1", "s", "n1: 10.0.0.1 is silent", "t")])[0].text == "10.0.0.1 is silent"
    assert grouped([("n1", "", "", "t")])[0].text == "no reason was given"


def test_a_tally_moves_a_name_from_state_to_state():
    tally = Tally()
    tally.put("n1", State.RUNNING)
    tally.put("n1", State.DONE)
    assert tally.counts(1, State.WAITING) == [(State.DONE, 1)]
    assert tally.names(State.RUNNING) == []
    assert "n1" in tally
    assert tally.of("n1") is State.DONE

import pytest

from drydockd.api.actions import API_ACTIONS, Action
from drydockd.errors import InvalidInput
from drydockd.web.confirming import EFFECTS, Confirmation, leaves


def test_a_button_is_named_after_its_effect():
    assert Confirmation(Action.DESTROY_NODES, "lab", ["a"] * 12).effect == "Wipe 12 machines"
    assert Confirmation(Action.DEPLOY_NODES, "lab", ["a"]).effect == "Deploy 1 machine"
    assert Confirmation(Action.PREPARE_SITE, "lab", []).effect == "Prepare site lab"
    assert set(EFFECTS) == set(API_ACTIONS)


@pytest.mark.parametrize("action", [Action.DESTROY_NODES, Action.POWER_OFF_NODES])
def test_what_harms_machines_wants_the_sites_name_and_the_number(action):
    confirm = Confirmation(action, "lab", ["a", "b"])
    confirm.check("lab", "2")
    for name, count in (("lab", "3"), ("lab", ""), ("LAB", "2"), ("", "2"), ("a", "2")):
        with pytest.raises(InvalidInput, match="Nothing was done"):
            confirm.check(name, count)


def test_one_machine_is_confirmed_by_its_own_name():
    confirm = Confirmation(Action.DESTROY_NODES, "lab", ["a07"])
    confirm.check("a07", "1")
    with pytest.raises(InvalidInput, match="name of the node is a07, not lab"):
        confirm.check("lab", "1")


def test_what_harms_nothing_wants_nothing_typed():
    Confirmation(Action.DEPLOY_NODES, "lab", ["a"]).check("", "")


def test_every_step_says_what_stopping_leaves_behind():
    assert "installing" in leaves("deploy_node")
    assert "begin nothing further" in leaves("apply_node_storage")
    assert leaves("what a newer daemon does") == leaves("apply_node_storage")

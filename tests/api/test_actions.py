import pytest

from drydockd.api.actions import API_ACTIONS, CALLED, Action


@pytest.mark.parametrize("name", ["verify_node", "prepare_node", "deploy_node", "destroy_node"])
def test_the_documentations_singular_means_the_plural(name):
    assert CALLED[name] is Action(f"{name}s")


def test_internal_actions_cannot_be_asked_for():
    assert set(CALLED.values()) == set(API_ACTIONS)
    for action in (Action.NOOP, Action.BOOTACTION_REPORT, Action.POWER_OFF_NODE):
        assert action not in CALLED

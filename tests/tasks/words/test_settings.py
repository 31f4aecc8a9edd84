import pytest

from drydockd.model import Action
from drydockd.tasks.words.settings import TaskSettings


@pytest.mark.parametrize(
    ("action", "minutes"),
    [
        (Action.CREATE_NETWORK_TEMPLATE, 2),
        (Action.CONFIGURE_USER_CREDENTIALS, 2),
        (Action.CONFIGURE_NODE_PROVISIONER, 5),
        (Action.VALIDATE_NODE_SERVICES, 5),
        (Action.IDENTIFY_NODE, 10),
        (Action.DEPLOY_NODE, 45),
        (Action.DESTROY_NODE, 30),
    ],
)
def test_the_limits_are_the_contracts(action, minutes):
    assert TaskSettings().limit_of(action) == minutes * 60


def test_the_whole_preparation_of_a_node_has_identification_plus_commissioning():
    assert TaskSettings().preparation == 40 * 60


def test_the_limit_of_an_oob_step_is_never_below_the_drivers_worst_case():
    settings = TaskSettings(drydock_timeout=300, driver_margin=60)
    assert settings.oob_limit(0.2) == 300
    assert settings.oob_limit(360) == 420


def test_a_step_that_only_asks_has_one_call_of_its_driver_and_never_more_than_the_general_limit():
    settings = TaskSettings(drydock_timeout=300, answer_margin=5)
    assert settings.question_limit(75) == 80
    assert settings.question_limit(327) == 300

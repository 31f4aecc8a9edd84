from drydockd.model import API_ACTIONS, SITE_ACTIONS, Action
from tests.tasks.helpers import Lab


def test_every_action_of_the_api_has_a_kind_and_site_actions_are_site_wide():
    kinds = Lab().tasks._kinds
    assert set(API_ACTIONS) <= set(kinds)
    assert {a for a, kind in kinds.items() if kind.is_site_wide} == set(SITE_ACTIONS)
    assert [a for a, kind in kinds.items() if kind.is_free] == [
        Action.VALIDATE_DESIGN,
        Action.VERIFY_SITE,
    ]

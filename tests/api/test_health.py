from drydockd.api.health import Health
from tests.api.examples import HEALTH


def test_health_is_read():
    health = Health.model_validate(HEALTH)
    assert health.details.message_list[0].error is True
    assert health == HEALTH

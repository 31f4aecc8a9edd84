from drydockd.api.status import Status
from tests.api.examples import STATUS


def test_status_is_read():
    assert Status.model_validate(STATUS) == STATUS

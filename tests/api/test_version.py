from drydockd.api.version import Version
from tests.api.examples import VERSION


def test_a_version_is_read():
    assert Version.model_validate(VERSION).path == "/api/v1.0"

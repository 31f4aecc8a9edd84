from drydockd.api.builddata import BuildData
from tests.api.examples import BUILD_DATA


def test_build_data_are_read():
    assert BuildData.model_validate(BUILD_DATA) == BUILD_DATA

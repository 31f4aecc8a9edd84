import pytest

from drydockd.api.event import KINDS
from tests.api.examples import MESSAGE_EVENT, NODE_EVENT, STATE_EVENT


@pytest.mark.parametrize(
    ("kind", "data"),
    [("state", STATE_EVENT), ("node", NODE_EVENT), ("message", MESSAGE_EVENT)],
)
def test_each_kind_of_event_is_read(kind, data):
    assert KINDS[kind].model_validate(data) == data

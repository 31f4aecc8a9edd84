from drydockd.api.message import Message
from tests.api.examples import MESSAGE


def test_a_message_keeps_what_a_node_said_besides():
    said = MESSAGE | {"extra": {"percent": 50, "more": {"a": [1]}}}
    assert Message.model_validate(said).extra["more"] == {"a": [1]}

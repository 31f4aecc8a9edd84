"""The stream format."""

import json

import pytest

from drydockd.api.event import StateEvent
from drydockd.client import ClientError
from drydockd.client.events import Event, parse
from tests.api.examples import STATE_EVENT


def test_events_are_separated_by_blank_lines_and_comments_are_skipped():
    data = json.dumps(STATE_EVENT, indent=1).splitlines()
    lines = [": hello", "retry: 2000", "", "id: 1", "event: state", *(f"data: {d}" for d in data),
             "", ": still here", "", "data: unfinished"]  # fmt: skip
    (event,) = parse(lines)
    assert event == Event("1", "state", STATE_EVENT)
    assert isinstance(event.data, StateEvent)


@pytest.mark.parametrize(("text", "data"), [('{"a": 1}', {"a": 1}), ("text", "text")])
def test_a_kind_of_a_newer_server_is_plain_json(text, data):
    assert list(parse(["event: weather", f"data: {text}", ""])) == [Event("", "weather", data)]


@pytest.mark.parametrize("text", ["{}", "text"])
def test_data_that_do_not_fit_their_kind_are_an_error(text):
    with pytest.raises(ClientError, match="event node"):
        list(parse(["event: node", f"data: {text}", ""]))

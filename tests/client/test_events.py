"""The stream format."""

from drydockd.client.events import Event, parse


def test_events_are_separated_by_blank_lines_and_comments_are_skipped():
    lines = [": hello", "retry: 2000", "", "id: 1", "event: state", 'data: {"a":', "data: 1}", "",
             ": still here", "", "data: text", "", "data: unfinished"]  # fmt: skip
    assert list(parse(lines)) == [Event("1", "state", {"a": 1}), Event("1", "message", "text")]

"""One row, one record: whole ones, and each way in which a row can be none."""

import json
import uuid

import pytest

from drydockd.migrate import rows
from drydockd.migrate.rows import Odd
from drydockd.model import ResultStatus, TaskStatus

ID = uuid.UUID(int=5)
NOW = "2026-01-02T03:04:05.000006+00:00"
TASK = {
    "task_id": ID.bytes,
    "parent_task_id": None,
    "result_status": "success",
    "result_message": None,
    "result_reason": None,
    "result_successes": ["n1", "n2", "n1"],
    "result_failures": None,
    "result_links": None,
    "status": "complete",
    "created": "2026-01-01 10:00:00.5",
    "updated": None,
    "created_by": None,
    "design_ref": None,
    "request_context": None,
    "node_filter": None,
    "action": "deploy_nodes",
    "terminated": None,
    "terminated_by": None,
    "terminate": None,
    "retry": None,
    "oversized": "",
}
MESSAGE = {
    "task_id": ID.bytes,
    "message": "said",
    "error": False,
    "context_type": "NA",
    "context": "NA",
    "ts": "2026-01-01 10:00:00",
    "extra": None,
    "oversized": "",
}
ACTION = {
    "node_name": "n1",
    # The example of the ULID specification.
    "action_id": bytes.fromhex("01563e3ab5d3d6764c61efb99302bd5b"),
    "action_name": "hello",
    "task_id": ID.bytes,
    "identity_key": b"k" * 32,
    "action_status": "incomplete",
    "created": None,
    "is_current": True,
    "superseded": None,
    "oversized": "",
}


def test_what_is_null_takes_the_least_it_can_mean():
    task = rows.task(TASK | {"result_status": None})
    assert task.result.status is ResultStatus.INCOMPLETE
    assert (task.retry, task.terminate, task.terminated) == (0, False, None)
    assert task.created == task.updated == "2026-01-01T10:00:00.500000+00:00"
    assert task.result.successes == task.scope == ("n1", "n2")


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        ("task_id", None, "task_id is null"),
        ("task_id", b"short", "task_id is not 16 bytes"),
        ("parent_task_id", b"", "parent_task_id is not 16 bytes"),
        ("action", "frobnicate", "action 'frobnicate' is unknown here"),
        ("status", "Complete", "status 'Complete' is unknown here"),
        ("result_status", "dependent_failure", "result_status 'dependent_failure' is unknown"),
        ("created", None, "created is null"),
        ("created", "infinity", "created is no moment"),
        ("updated", "10000-01-01 00:00:00", "updated is no moment"),
        ("result_successes", [None], "result_successes names no node"),
        ("node_filter", "{", "node_filter is not JSON"),
        ("node_filter", "[]", "node_filter is not a JSON object"),
        ("request_context", json.dumps("{"), "request_context is not JSON"),
        ("result_links", json.dumps({"rel": 5}), "result_links are no links"),
        ("oversized", "node_filter", "oversized: node_filter"),
    ],
)
def test_a_task_that_is_none_says_why(column, value, text):
    with pytest.raises(Odd, match=text):
        rows.task(TASK | {column: value})


def test_a_filter_is_kept_as_it_was_and_tells_the_scope_if_it_is_by_name_alone():
    by_name = {"filter_set": [{"filter_type": "union", "node_names": ["a", "b"], "node_tags": []}]}
    assert rows.task(TASK | {"node_filter": json.dumps(by_name)}).scope == ("a", "b")
    more = {"filter_set": [{"node_names": ["a", "b"], "rack_names": ["r"]}]}
    # Encoded twice, as the original did.
    task = rows.task(TASK | {"node_filter": json.dumps(json.dumps(more))})
    assert (task.node_filter, task.scope) == (more, ("n1", "n2"))


def test_links_are_a_map_or_as_they_were_read_back_a_list():
    given = {"logs": ["http://a", "http://b"]}
    listed = [{"rel": "logs", "href": "http://a"}, {"rel": "logs", "href": "http://b"}]
    for links in (given, listed):
        found = rows.task(TASK | {"result_links": json.dumps(links)}).result.links
        assert [(link.rel, link.href) for link in found] == [
            ("logs", "http://a"),
            ("logs", "http://b"),
        ]


def test_a_moment_with_a_zone_is_taken_to_utc():
    task = rows.task(TASK | {"created": "2026-01-01 12:00:00+02"})
    assert task.created == "2026-01-01T10:00:00.000000+00:00"


def test_a_finished_task_is_not_ended_again():
    task = rows.task(TASK)
    assert rows.ended(task, NOW) == (task, None)


def test_one_that_was_told_to_stop_keeps_by_whom():
    row = TASK | {"status": "queued", "terminate": True, "terminated_by": "ann"}
    ended, last = rows.ended(rows.task(row | {"terminated": "2026-01-01 10:01:00"}), NOW)
    assert (ended.status, ended.terminated_by) == (TaskStatus.TERMINATED, "ann")
    assert ended.terminated == "2026-01-01T10:01:00.000000+00:00"
    assert last.error


def test_what_came_with_a_message_is_kept_whatever_it_is():
    for extra, kept in (
        (None, {}),
        ("{}", {}),
        (json.dumps(json.dumps({"a": 1})), {"a": 1}),
        (json.dumps("{broken"), {"original": "{broken"}),
        ("[1]", {"original": [1]}),
    ):
        assert rows.message(MESSAGE | {"extra": extra}).extra == kept


@pytest.mark.parametrize("column", ["message", "error", "context", "context_type", "ts"])
def test_a_message_without_one_of_its_parts_is_none(column):
    with pytest.raises(Odd, match=f"{column} is null"):
        rows.message(MESSAGE | {column: None})


def test_an_id_of_a_boot_action_is_the_text_that_nodes_have_and_tells_its_time():
    action = rows.boot_action(ACTION, NOW)
    assert action.action_id == "01ARZ3NDEKTSV4RRFFQ69G5FAV"
    assert action.created == "2016-07-30T23:54:10.259000+00:00"
    assert action.closed is None
    assert rows.boot_action(ACTION | {"is_current": False}, NOW).closed == NOW


def test_of_a_key_that_is_none_nothing_is_told():
    for key in (None, b"k" * 31, "k" * 32):
        with pytest.raises(Odd) as found:
            rows.boot_action(ACTION | {"identity_key": key}, NOW)
        assert "kkk" not in str(found.value)


def test_a_document_has_the_same_id_each_time_and_another_one_another():
    row = {
        "node_name": "n1",
        "task_id": ID.bytes,
        "collected_date": "2026-01-01 10:00:00",
        "generator": "lshw",
        "data_format": "text/xml",
        "data_element": "<a/>",
        "oversized": "",
    }
    first = rows.build_data(row)
    assert rows.build_data(row) == first
    assert uuid.UUID(first.build_data_id).version == 4
    for column in ("node_name", "generator", "data_format", "data_element"):
        other = rows.build_data(row | {column: "other"})
        assert other.build_data_id != first.build_data_id

"""Records to documents and back."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drydockd.errors import InvalidInput, StoreRefused
from drydockd.model import Caller, DriverRecord, Intent, Link, Message, Result, ResultStatus
from drydockd.store import codec
from tests.store.helpers import MONDAY, a_boot_action, a_context, a_task, some_data

FULL_TASK = a_task(
    "a",
    result=Result(
        ResultStatus.PARTIAL_SUCCESS, "m", "r", ("n1",), ("n2",), (Link("detail_logs", "http://x"),)
    ),
    node_filter={"filter_set": [{"node_names": ["n1"]}]},
    scope=("n1", "n2"),
    retried_by=("c",),
    terminate=True,
    caller=Caller("ops", roles=("admin",), service_user="shipyard", service_roles=("x",)),
)


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("tasks", FULL_TASK),
        ("boot_contexts", a_context("n1", "c1", delivered={"units": MONDAY})),
        ("boot_actions", a_boot_action("A")),
        ("build_data", codec.BuildRow(some_data("1"))),
        ("build_data", codec.without_element(some_data("1"), "d" * 64)),
        ("intents", Intent("t/n/wipe", "t", "n", "wipe", MONDAY)),
        ("driver_records", DriverRecord("d/x", "d", {"state": "new"}, "d" * 64)),
    ],
)
def test_a_row_comes_back_as_it_was(table, row):
    encoded = codec.encode_row(table, row)
    assert codec.decode_row(table, json.loads(encoded)) == row


def test_a_task_of_an_older_state_directory_may_list_its_subtasks():
    document = json.loads(codec.encode_row("tasks", FULL_TASK)) | {"subtask_id_list": ["b"]}
    assert codec.decode_row("tasks", document) == FULL_TASK


def test_every_record_of_the_model_has_a_table():
    from drydockd.model import Record

    assert set(Record.__args__) == {*codec.TABLES, Message}


@given(
    text=st.text(st.characters(exclude_categories=["Cs"])),
    error=st.booleans(),
    task_id=st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
)
def test_a_message_comes_back_whatever_its_text(text, error, task_id):
    message = Message(task_id, text, error, "node", text, MONDAY, {"error": text}, 7)
    tail = codec.encode_message(message)
    assert codec.decode_message(task_id, 7, tail) == message
    document = codec.message_document(task_id, 7, tail)
    assert json.loads(document)["message"] == text
    assert document.partition(codec.ERROR_MARK)[2] == tail
    assert codec.message_tail(json.loads(document)) == tail


def test_an_unknown_field_is_of_a_newer_version():
    document = json.loads(codec.encode_row("tasks", FULL_TASK)) | {"colour": "red"}
    with pytest.raises(StoreRefused, match="newer version"):
        codec.decode_row("tasks", document)


def test_a_missing_field_takes_its_default():
    document = json.loads(codec.encode_row("tasks", a_task("a")))
    del document["retried_by"]
    assert codec.decode_row("tasks", document) == a_task("a")


def test_a_value_json_cannot_hold_names_the_record():
    with pytest.raises(InvalidInput, match="tasks a cannot be stored"):
        codec.encode_row("tasks", a_task("a", node_filter={"x": object()}))


def test_equal_callers_and_filters_are_shared():
    encoded = codec.encode_row("tasks", FULL_TASK)
    first, second = (codec.decode_row("tasks", json.loads(encoded)) for _ in range(2))
    assert first.caller is second.caller
    assert first.node_filter is second.node_filter
    assert first.result is second.result


def test_what_is_shared_is_bounded_and_begins_anew():
    kept, first = [], codec.encode_row("tasks", a_task("a", node_filter={"number": 0}))
    codec._FILTERS.clear()
    for number in range(10_001):
        document = {"task_id": "a", "action": "noop", "node_filter": {"number": number}}
        kept.append(codec.decode_row("tasks", document))
    assert codec.decode_row("tasks", json.loads(first)).node_filter is kept[0].node_filter

    document = {"task_id": "a", "action": "noop", "node_filter": {"number": -1}}
    assert codec.decode_row("tasks", document).node_filter == {"number": -1}

    assert len(codec._FILTERS) == 1
    again = codec.decode_row("tasks", json.loads(first))
    assert again.node_filter == kept[0].node_filter
    assert codec.decode_row("tasks", json.loads(first)).node_filter is again.node_filter


def test_what_lies_in_a_blob_is_not_in_memory_too():
    assert codec.without_element(some_data("1", "x" * 5000), "d" * 64).record.data_element == ""

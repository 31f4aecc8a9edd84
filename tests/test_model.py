import dataclasses
import os
import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest

from drydockd.model import (
    Action,
    BootAction,
    BootActionStatus,
    Caller,
    Task,
    changed,
    new_id,
    timestamp,
)


def test_a_timestamp_is_utc_with_microseconds_whatever_the_zone():
    moment = datetime(2026, 1, 31, 12, 20, 30, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(moment) == "2026-01-31T10:20:30.000000+00:00"


def test_text_order_of_timestamps_is_time_order():
    early = datetime(2026, 1, 31, tzinfo=UTC)
    stamps = [timestamp(early + timedelta(microseconds=n)) for n in (0, 1, 10, 10**6)]
    assert stamps == sorted(stamps)


def test_ids_are_random_uuids_in_the_usual_form():
    made = [new_id() for _ in range(2000)]
    assert len(set(made)) == len(made)
    for one in made:
        assert str(uuid.UUID(one)) == one
        assert uuid.UUID(one).version == 4
        assert uuid.UUID(one).variant == uuid.RFC_4122


def test_a_copy_of_the_process_makes_other_ids():
    new_id()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, new_id().encode())
        os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with open(reader, encoding="ascii") as pipe:
        theirs = pipe.read()
    assert len(theirs) == 36
    assert theirs not in {new_id() for _ in range(1000)}


TASK = Task(task_id="a", action=Action.VALIDATE_DESIGN, scope=("n1",), lives=1)
ROW = BootAction("A", "n1", "reboot", "t", "c", BootActionStatus.INCOMPLETE, "2026", reports=3)


@pytest.mark.parametrize("record", [TASK, ROW, Caller("ops", roles=("admin",))])
def test_a_changed_record_is_what_replace_makes_of_it(record):
    for field in dataclasses.fields(record):
        value = ("other", field.name)
        new = changed(record, **{field.name: value})
        assert new == dataclasses.replace(record, **{field.name: value})
        assert getattr(new, field.name) == value
    assert changed(record) == record
    assert changed(record) is not record


def test_a_record_is_not_given_a_field_it_does_not_have():
    with pytest.raises(TypeError, match="a Task has no field 'staus'"):
        changed(TASK, staus="x")

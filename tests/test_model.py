import os
import uuid
from datetime import UTC, datetime, timedelta, timezone

from drydockd.model import new_id, timestamp


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

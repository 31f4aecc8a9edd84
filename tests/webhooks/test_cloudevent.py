import json

from drydockd.api.event import CHOICES, KINDS
from drydockd.config.events import KINDS as CONFIGURABLE
from drydockd.tasks import Event
from drydockd.webhooks.cloudevent import TYPES, encode, time_of

STATE = {"task_id": "t", "root_task_id": "r", "updated": "2026-01-31T10:20:30.123456+00:00"}


def test_it_has_what_the_specification_requires():
    told = json.loads(encode(Event("17.3", "state", STATE), "https://drydock"))
    assert told == {
        "specversion": "1.0",
        "id": "17.3",
        "source": "https://drydock",
        "type": "drydock.task.state",
        "datacontenttype": "application/json",
        "subject": "r",
        "time": STATE["updated"],
        "data": STATE,
    }


def test_the_subject_is_the_node_where_there_is_one():
    told = json.loads(encode(Event(1, "node", STATE | {"node": "n1"}), "x"))
    assert (told["id"], told["subject"]) == ("1", "n1")


def test_a_gap_has_neither_subject_nor_time():
    told = json.loads(encode(Event(1, "gap", {"message": "m"}), "x"))
    assert {"subject", "time"}.isdisjoint(told)
    assert time_of(Event(1, "gap", {"message": "m"})) is None


def test_every_kind_has_a_type():
    assert set(TYPES) == set(KINDS) - {"place"}
    assert CONFIGURABLE == CHOICES

"""The layout of the file."""

import json
from pathlib import Path

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import layout
from drydockd.store.damage import Damage
from drydockd.store.format import FORMAT
from drydockd.store.layout import CHUNK_BYTES, Meta, check_file, encode_file, load_file
from drydockd.store.tables import Tables
from tests.store.helpers import a_context, a_task

PATH = Path("/state/drydock.json")
META = Meta("me", 7, "now", 77)


def some_tables(tasks=3, messages=12, size=10):
    tables = Tables()
    for number in range(tasks):
        tables.load("tasks", a_task(f'"{number}'))
        for seq in range(messages if number else 0):
            flag = b"true" if seq % 2 else b"false"
            text = '\n"},{"error":true ' + "x" * size
            tail = json.dumps({"message": text, "ts": str(seq)})[1:]
            tables.append_message(f'"{number}', flag + b"," + tail.encode())
    tables.load("boot_contexts", a_context("n1", "c1"))
    return tables


def encoded(tables):
    return b"".join(encode_file(tables.freeze(), META))


@pytest.mark.parametrize("size", [10, 50_000])
def test_records_come_back_and_messages_byte_for_byte(size):
    tables = some_tables(size=size)
    loaded = Tables()
    assert load_file(PATH, memoryview(encoded(tables)), loaded) == META
    assert loaded.rows == tables.rows
    assert {key: log.tails for key, log in loaded.logs.items()} == {
        key: log.tails for key, log in tables.logs.items()
    }
    assert [log.errors for log in loaded.logs.values()] == [6, 6]
    assert loaded.message_count == tables.message_count == 24


def test_an_empty_store_is_a_file_too():
    loaded = Tables()
    load_file(PATH, memoryview(encoded(Tables())), loaded)
    assert loaded.message_count == 0


def test_the_file_is_json_with_one_document_a_line():
    content = encoded(some_tables())
    documents = json.loads(content)
    assert list(documents["messages"]) == [str(number) for number in range(1, 25)]
    assert documents["messages"]["13"]["seq"] == 1
    lines = content.decode().split("\n")
    assert sum(line.startswith('"1":{') for line in lines) == 4


def test_damage_is_told_by_its_chunk():
    content = bytearray(encoded(some_tables(size=50_000)))
    content[2 * CHUNK_BYTES + 5] ^= 1
    with pytest.raises(Damage) as caught:
        check_file(PATH, memoryview(content))
    assert caught.value.offset == 2 * CHUNK_BYTES


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_a_file_cut_short_is_damaged(left):
    with pytest.raises(Damage):
        check_file(PATH, memoryview(encoded(some_tables())[:left]))


def test_a_file_with_something_behind_its_end_is_damaged():
    with pytest.raises(Damage):
        check_file(PATH, memoryview(encoded(some_tables()) + b" "))


def test_a_newer_file_is_refused_with_a_sentence():
    tables = some_tables()
    content = b"".join(encode_file(tables.freeze(), Meta("me", 7, "now", format=9)))
    with pytest.raises(
        StoreRefused, match=f"has format 9; this drydockd knows formats up to {FORMAT}"
    ):
        check_file(PATH, memoryview(content))


def test_the_end_is_found_however_many_chunks_there_are(monkeypatch):
    monkeypatch.setattr(layout, "CHUNK_BYTES", 64)
    loaded = Tables()
    tables = some_tables(tasks=300)
    load_file(PATH, memoryview(encoded(tables)), loaded)
    assert loaded.rows == tables.rows


@pytest.mark.slow
def test_a_chunk_may_end_at_any_byte_of_the_records(monkeypatch):
    tables = some_tables(tasks=3)
    for size in range(40, len(encoded(tables))):
        monkeypatch.setattr(layout, "CHUNK_BYTES", size)
        loaded = Tables()
        load_file(PATH, memoryview(encoded(tables)), loaded)
        assert loaded.rows == tables.rows
        assert loaded.message_count == tables.message_count

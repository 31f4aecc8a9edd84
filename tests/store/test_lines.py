"""The lines of a journal."""

import json
from pathlib import Path

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import lines
from drydockd.store.codec import said_document
from drydockd.store.damage import Damage
from drydockd.store.lines import Header, Journal, encode_header, encode_ops, encode_write

PATH = Path("/state/drydock.journal")
HEADER = encode_header(Header("me", 4, 77))


def a_write(seq: int, after: int | None = None, key: str = "a") -> bytes:
    ops = encode_ops([("tasks", key, None, b"")])
    return encode_write(seq, ops, seq - 1 if after is None else after)


def read(content: bytes) -> tuple[list, Journal]:
    journal = Journal(PATH, content)
    return [(line.seq, line.ops) for line in journal.writes()], journal


def test_writes_come_back_in_order():
    found, journal = read(HEADER + a_write(5) + a_write(6))
    assert found == [(5, [["-tasks", "a"]]), (6, [["-tasks", "a"]])]
    assert journal.header == Header("me", 4, 77)
    assert (journal.torn_bytes, journal.end) == (0, len(HEADER) + 2 * len(a_write(5)))


def test_a_cut_last_line_is_torn_and_not_damaged():
    found, journal = read(HEADER + a_write(5) + a_write(6)[:-3])
    assert [seq for seq, _ in found] == [5]
    assert journal.torn_bytes == len(a_write(6)) - 3


def test_a_line_that_lacks_only_its_newline_is_torn_too():
    assert read(HEADER + a_write(5)[:-1])[1].torn_bytes == len(a_write(5)) - 1


def test_zeros_behind_the_last_line_are_torn():
    assert read(HEADER + a_write(5) + bytes(100))[1].torn_bytes == 100


def test_a_newline_that_reads_back_as_zero_is_torn():
    found, journal = read(HEADER + a_write(5) + a_write(6)[:-1] + b"\0")
    assert [seq for seq, _ in found] == [5]
    assert (journal.end, journal.torn_bytes) == (len(HEADER + a_write(5)), len(a_write(6)))


@pytest.mark.parametrize("zeros", [1, 7, 512, 4096, 3 * 4096 + 5])
@pytest.mark.parametrize("kept", [0, 1, 9, 20, -1, None], ids=lambda kept: f"kept{kept}")
def test_a_line_of_which_zeros_are_left_is_torn(zeros, kept):
    part = a_write(6)[:kept] if kept is not None else a_write(6)[:-1]
    found, journal = read(HEADER + a_write(5) + part + bytes(zeros))
    assert [seq for seq, _ in found] == [5]
    assert journal.torn_bytes == len(part) + zeros


def a_group(*, after: int = 5, until: int = 60) -> bytes:
    """One append of several writes, longer than many sectors."""
    return b"".join(a_write(seq, after, "k" * 100) for seq in range(6, until))


def holed(content: bytes, start: int, end: int) -> bytes:
    return content[:start] + bytes(end - start) + content[end:]


WHOLE = HEADER + a_write(5)


def test_any_sectors_of_one_append_may_be_lost():
    content = WHOLE + a_group()
    before = len(WHOLE)
    sectors = range(512, len(content), 512)
    for first in (before, *sectors):
        for last in (*sectors, len(content)):
            if first >= last:
                continue
            found, journal = read(holed(content, first, last))
            lost = content[:first].count(b"\n") - 1
            assert len(found) == lost or last == len(content), (first, last)
            assert journal.end + journal.torn_bytes == len(content)


def test_two_holes_in_one_append_are_torn_too():
    content = holed(holed(WHOLE + a_group(), 1024, 1536), 3072, 4608)
    assert 0 < len(read(content)[0]) < 10


def test_a_hole_before_what_was_written_later_is_damage():
    content = holed(WHOLE + a_group(), len(WHOLE), 1024) + a_write(60)
    with pytest.raises(Damage) as caught:
        read(content)
    assert caught.value.offset == len(WHOLE)


def test_a_hole_in_an_append_that_was_on_disk_before_the_next_is_damage():
    second = b"".join(a_write(seq, 59) for seq in range(60, 70))
    with pytest.raises(Damage):
        read(holed(WHOLE + a_group() + second, 1024, 1536))
    # Also where the hole reaches into the next append.
    with pytest.raises(Damage):
        read(holed(WHOLE + a_group() + second, 1024, (len(WHOLE + a_group()) // 512 + 1) * 512))


def test_zeros_that_are_no_sectors_are_damage():
    content = WHOLE + a_group()
    for first, last in ((1030, 1031), (1030, 1536), (1024, 1500)):
        with pytest.raises(Damage):
            read(holed(content, first, last))


def test_a_hole_beside_a_line_that_is_wrong_is_damage():
    content = bytearray(holed(WHOLE + a_group(), 1024, 1536))
    content[3000] ^= 1
    with pytest.raises(Damage):
        read(bytes(content))


def test_a_hole_in_the_first_line_is_damage():
    with pytest.raises(Damage) as caught:
        read(holed(encode_header(Header("m" * 2000, 4)) + a_write(5), 512, 1024))
    assert caught.value.offset == 0


def test_a_wrong_newline_is_damage_and_not_a_cut():
    with pytest.raises(Damage, match="but for its newline") as caught:
        read(HEADER + a_write(5) + a_write(6)[:-1] + b"\x0b")
    assert caught.value.offset == len(HEADER + a_write(5))


@pytest.mark.parametrize("seqs", [(6,), (5, 5), (5, 7)])
def test_a_missing_or_repeated_write_is_damage(seqs):
    with pytest.raises(Damage, match="should follow"):
        read(HEADER + b"".join(map(a_write, seqs)))


def test_a_checksum_in_capitals_is_damage():
    line = next(line for line in map(a_write, range(5, 99)) if line[:8] != line[:8].upper())
    with pytest.raises(Damage):
        read(encode_header(Header("me", 4)) + line[:8].upper() + line[8:])


def test_a_newer_format_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(lines, "FORMAT", 9)
    content = encode_header(Header("me", 4))
    monkeypatch.undo()
    with pytest.raises(
        StoreRefused, match=f"has format 9; this drydockd knows formats up to {lines.FORMAT}"
    ):
        read(content)


# What memory keeps of messages; see codec.encode_message.
GOOD, BAD = b'false,"message":"good"}', b'true,"message":"bad"}'


def said(task_id: str, after: int, *tails: bytes):
    return ("messages", task_id, tails, said_document(task_id, after))


def test_what_many_are_told_stands_once_and_reads_as_of_each():
    alike = (GOOD, BAD)
    ops = [
        ("messages", "a", alike, said_document("a", 0)),
        ("tasks", "a", object(), b'{"task_id":"a"}'),
        ("messages", 'b"', alike, said_document('b"', 3)),
        ("tasks", "old", None, b""),
        said("a", 2, BAD),
        ("messages", "c", alike, said_document("c", 0)),
    ]
    line = b"[%b]" % encode_ops(ops)
    assert line.count(b"good") == 2  # once for those who follow each other

    def message(task_id, seq, tail):
        return "messages", {"task_id": task_id, "seq": seq, **json.loads(b'{"error":' + tail)}

    assert list(lines.spread(json.loads(line))) == [
        message("a", 1, GOOD),
        message("a", 2, BAD),
        ("tasks", {"task_id": "a"}),
        message('b"', 4, GOOD),
        message('b"', 5, BAD),
        ("-tasks", "old"),
        message("a", 3, BAD),
        message("c", 1, GOOD),
        message("c", 2, BAD),
    ]


def test_what_refers_to_nothing_said_before_is_refused():
    with pytest.raises(ValueError, match="nothing was said before"):
        list(lines.spread([["said", {"task_id": "a", "after": 0}]]))

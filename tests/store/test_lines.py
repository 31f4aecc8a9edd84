"""The lines of a journal."""

from pathlib import Path

import pytest

from drydockd.errors import StoreRefused
from drydockd.store import lines
from drydockd.store.damage import Damage
from drydockd.store.lines import Header, Journal, encode_header, encode_ops, encode_write

PATH = Path("/state/drydock.journal")
HEADER = encode_header(Header("me", 4, 77))


def a_write(seq: int) -> bytes:
    return encode_write(seq, encode_ops([("tasks", "a", None, b"")]))


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
    with pytest.raises(StoreRefused, match="has format 9; this drydockd knows formats up to 2"):
        read(content)

"""Connections are served by address in turn."""

import pytest

from drydockd.handlers.line import Line


def popped(line):
    return [line.pop() for _ in range(len(line))]


def test_one_address_is_served_in_its_order():
    line = Line()
    for n in range(4):
        line.add("a", n)
    assert line.of("a") == len(line) == 4
    assert popped(line) == [0, 1, 2, 3]
    assert line.of("a") == len(line) == 0
    with pytest.raises(KeyError):
        line.pop()


def test_addresses_take_turns():
    line = Line()
    for one in ("a1", "a2", "a3", "b1", "b2", "c1"):
        line.add(one[0], one)
    assert sorted(popped(line)[:3]) == ["a1", "a2", "b1"]


def test_who_comes_once_is_next_behind_a_flood():
    line = Line()
    for n in range(1000):
        line.add("flood", n)
    assert [line.pop(), line.pop()] == [0, 1]
    line.add("probe", "probe")
    assert "probe" in [line.pop(), line.pop()]
    assert line.of("flood") == 997


def test_ever_new_addresses_keep_nobody_from_a_turn():
    line = Line()
    line.add("a", "first")
    line.add("a", "second")
    assert line.pop() == "first"
    served = []
    for n in range(4):
        line.add(f"new-{n}", n)
        line.add(f"newer-{n}", n)
        served.append(line.pop())
    assert "second" in served[:2]

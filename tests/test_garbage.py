"""What lives long and cannot be garbage in a cycle is left out of collections."""

import gc
import subprocess
import sys
import weakref

import pytest

from drydockd.garbage import (
    GROWTH_BYTES,
    OFTEN,
    SELDOM,
    YOUNG,
    Sweeper,
    collect,
    resident_bytes,
    settle,
    untrack,
)


@pytest.fixture
def as_before():
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


def test_untracked_values_are_left_out_and_end_as_others_do():
    value = [["text"]]
    assert gc.is_tracked(value)

    untrack(value, value[0])
    untrack(value)

    assert not gc.is_tracked(value)
    assert not gc.is_tracked(value[0])


@pytest.mark.usefixtures("as_before")
def test_a_settled_process_keeps_what_it_has_and_seldom_looks_at_all():
    settle()

    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (YOUNG, OFTEN, SELDOM)


# Large blocks freed, of which glibc would keep the later ones, below something that stays.
LARGE = """
from drydockd.garbage import resident_bytes, settle
settle()
first = bytearray(30 << 20)
del first
before = resident_bytes()
blocks = [bytearray(2 << 20) for _ in range(14)]
stays = bytearray(100_000)
held = resident_bytes() - before
del blocks
print(held, resident_bytes() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_large_blocks_go_back_to_the_system_when_they_are_freed():
    done = subprocess.run(
        [sys.executable, "-c", LARGE], capture_output=True, text=True, check=True, timeout=60
    )
    held, left = (int(word) for word in done.stdout.split())
    assert held > 28 << 20
    assert left < 2 << 20


class Machine:
    """Its clock and its meter; a collection takes `seconds` and frees down to `held`.

    `kept` of what is used was freed, and is given back when asked for.
    """

    def __init__(self):
        self.now, self.used, self.held, self.seconds, self.swept = 0.0, 100 << 20, 100 << 20, 0.1, 0
        self.kept = 0

    def give_back(self):
        self.used -= self.kept
        self.kept = 0

    def sweep(self):
        self.swept += 1
        self.now += self.seconds
        self.used = min(self.used, self.held)

    def sweeper(self):
        return Sweeper(lambda: self.used, self.sweep, self.give_back, lambda: self.now)


def test_all_is_collected_when_memory_has_grown_since_the_last_time():
    machine = Machine()
    sweeper = machine.sweeper()
    machine.used += GROWTH_BYTES - 1
    assert not sweeper.look()
    machine.used += 1
    assert sweeper.look()
    assert machine.used == machine.held

    machine.now += 60
    assert not sweeper.look()
    machine.used += GROWTH_BYTES
    assert sweeper.look()
    assert machine.swept == 2


def test_what_is_really_in_use_is_not_collected_for_again():
    machine = Machine()
    sweeper = machine.sweeper()
    machine.used = machine.held = machine.used + 10 * GROWTH_BYTES
    assert sweeper.look()
    machine.now += 60
    assert not sweeper.look()


def test_growth_is_counted_from_the_least_since():
    machine = Machine()
    sweeper = machine.sweeper()
    machine.used = 40 << 20
    assert not sweeper.look()
    machine.used += GROWTH_BYTES
    assert sweeper.look()


def test_collections_take_a_twentieth_of_the_time_at_most():
    machine = Machine()
    machine.seconds = 0.3
    sweeper = machine.sweeper()
    while machine.now < 600:
        machine.used += GROWTH_BYTES
        sweeper.look()
        machine.now += 1
    assert 80 < machine.swept <= 600 * 0.05 / 0.3


def test_while_they_find_little_they_take_a_two_hundredth():
    machine = Machine()
    machine.held = 1 << 60
    sweeper = machine.sweeper()
    while machine.now < 600:
        machine.used += GROWTH_BYTES
        sweeper.look()
        machine.now += 1
    assert 25 < machine.swept <= 600 * 0.005 / 0.1 + 1

    # One that finds much is followed by the next as soon as ever.
    machine.held = machine.used
    machine.now += 60
    machine.used += GROWTH_BYTES
    assert sweeper.look()
    machine.now += 3
    machine.used += GROWTH_BYTES
    assert sweeper.look()


def test_nothing_is_collected_for_what_was_freed_already():
    machine = Machine()
    sweeper = machine.sweeper()
    machine.used += GROWTH_BYTES
    machine.kept = GROWTH_BYTES // 2
    assert not sweeper.look()
    assert (machine.swept, machine.kept) == (0, 0)


def test_a_system_that_does_not_tell_its_memory_is_left_alone():
    machine = Machine()
    assert not Sweeper(lambda: None, machine.sweep, machine.give_back, lambda: 0.0).look()
    assert machine.swept == 0


def test_a_collection_finds_cycles_and_the_meter_is_this_process():
    class Ring:
        pass

    ring = Ring()
    ring.itself, gone = ring, weakref.ref(ring)
    del ring
    collect()
    assert gone() is None
    assert 1 << 20 < resident_bytes() < 1 << 40

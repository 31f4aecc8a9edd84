import pytest

from drydockd.errors import InvalidInput
from drydockd.model import BootActionStatus, DriverRecord
from drydockd.tasks.shared.places import Place, end_of, parse_place, placed, seq_of
from tests.store.helpers import a_boot_action, a_message, a_task

ORIGIN = 1_767_571_200_000_000


def test_a_place_is_its_text():
    assert parse_place(" ") is None
    assert parse_place(None) is None
    for place in (Place(0), Place(17), Place(17, 3)):
        assert parse_place(str(place)) == place


@pytest.mark.parametrize("text", ["x", "1.", ".1", "-1", "1.2.3", "9" * 50, "\u0661"])
def test_what_is_no_place_is_refused(text):
    with pytest.raises(InvalidInput, match="Last-Event-ID"):
        parse_place(text)


def test_a_write_in_memory_and_on_disk_have_the_same_places():
    """In memory each change of a record is there, and records that tell nothing."""
    task, done = a_task("t"), a_task("t", created_by="me")
    told = [task, DriverRecord("d/x", "d", {}), a_message("t", seq=1), done, a_boot_action("A")]
    on_disk = [done, a_message("t", seq=1), a_boot_action("A")]
    assert list(placed(ORIGIN, 5, told)) == list(placed(ORIGIN, 5, on_disk))
    assert [str(place) for place, _ in placed(ORIGIN, 5, told)] == [
        str(ORIGIN + 5 * 1024 + index) for index in range(3)
    ]


@pytest.mark.parametrize("count", [1, 1023, 1024, 1025, 3000])
def test_no_place_is_given_twice_and_each_is_found_again(count):
    records = [a_message("t", seq=number) for number in range(1, count + 1)]
    places = [place for place, _ in placed(ORIGIN, 7, records)]
    assert places == sorted(set(places))
    assert len({str(place) for place in places}) == count
    assert {seq_of(ORIGIN, place) for place in places} == {7}
    assert places[-1] < end_of(ORIGIN, 7) < next(placed(ORIGIN, 8, records))[0]
    assert end_of(ORIGIN, 6) < places[0]
    assert seq_of(ORIGIN, end_of(ORIGIN, 7)) == 7


def test_the_end_of_a_write_survives_its_text():
    end = end_of(ORIGIN, 9)
    assert parse_place(str(end)) == end
    assert a_boot_action("A").status is BootActionStatus.INCOMPLETE

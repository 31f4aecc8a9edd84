from drydockd.tasks import Machines
from drydockd.web.machinerows import Rows

ALL, NONE = (True, True), (False, False)


def test_what_was_made_is_good_for_the_same_machines_and_the_same_kind_of_reader():
    rows, now = Rows(), Machines()
    rows.put(now, ALL, b"with boxes")
    assert rows.get(now, ALL) == b"with boxes"
    assert rows.get(now, NONE) is None
    assert rows.get(Machines(), ALL) is None


def test_only_the_last_ones_are_kept():
    rows, first, second = Rows(), Machines(), Machines()
    rows.put(first, ALL, b"1")
    rows.put(second, NONE, b"2")
    assert rows.get(first, ALL) is None
    assert rows.get(second, ALL) is None

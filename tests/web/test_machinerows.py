from drydockd.tasks import Machines
from drydockd.web.machinerows import Rows


def test_what_was_made_is_good_for_the_same_machines_and_the_same_kind_of_reader():
    rows, now = Rows(), Machines()
    rows.put(now, True, b"with boxes")
    assert rows.get(now, True) == b"with boxes"
    assert rows.get(now, False) is None
    assert rows.get(Machines(), True) is None


def test_only_the_last_ones_are_kept():
    rows, first, second = Rows(), Machines(), Machines()
    rows.put(first, True, b"1")
    rows.put(second, False, b"2")
    assert rows.get(first, True) is None
    assert rows.get(second, True) is None

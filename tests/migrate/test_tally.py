from drydockd.migrate.tally import Tally


def test_numbers_stand_by_kind_and_reasons_name_the_first_few():
    tally = Tally()
    tally["tasks"].read = 9
    tally["tasks"].carried = 4
    for name in "abcd":
        tally.leave_out("tasks", "created is null", name)
    tally.leave_out("tasks", "their parent is gone", number=1)
    assert list(tally.table())[1].split() == ["tasks", "9", "4", "0", "5"]
    assert list(tally.left_out()) == [
        "4 tasks: created is null (a, b, c, ...)",
        "1 tasks: their parent is gone",
    ]


def test_notes_are_counted():
    tally = Tally()
    tally.note("keys are void")
    tally.note("keys are void", 2)
    assert tally.notes == {"keys are void": 3}

from drydockd.web.tasktree import Step, record_of
from drydockd.web.timeline import SLOTS, WIDTH, in_slots, marks, short, timeline
from tests.web.test_tasktree import told


def at(second):
    return f"2026-01-01T00:{second // 60:02}:{second % 60:02}+00:00"


def step(action, *spans):
    made = Step(action)
    for number, (start, end) in enumerate(spans):
        status = "running" if end is None else "complete"
        data = told(f"{action}{number}", action, node=f"n{number}", status=status,
                    result="success", started=at(start), updated=at(end or start))  # fmt: skip
        made.attempt(f"n{number}", record_of(data))
    return made


def test_before_anything_began_there_is_no_timeline():
    assert timeline([], at(0)) is None
    assert timeline([Step("deploy_node")], at(0)) is None


def test_each_step_has_a_lane_as_long_as_its_nodes_were_in_it():
    line = timeline([step("late", (50, 100)), step("early", (0, 50), (0, 25))], at(300))
    assert [(lane.name, lane.x, lane.width, lane.most) for lane in line.lanes] == [
        ("early", 0.0, 500.0, 2),
        ("late", 500.0, 500.0, 1),
    ]
    assert [lane.top for lane in line.lanes] == [0, line.height // 2]


def test_what_is_not_over_goes_on_until_now():
    line = timeline([step("deploy_node", (0, None), (0, 30))], at(60))
    assert line.lanes[0].seconds == 60


def test_nodes_are_counted_in_the_slots_they_touch():
    counts = in_slots([(0, 10), (5, 10)], 10)
    assert len(counts) == SLOTS
    assert (counts[0], counts[-1]) == (1, 2)


def test_marks_are_round_and_few():
    assert [mark.text for mark in marks(55)] == ["10 s", "20 s", "30 s", "40 s", "50 s"]
    assert marks(55)[0].x == round(WIDTH * 10 / 55, 1)
    assert len(marks(3 * 86400)) <= 6


def test_spans_of_time_have_their_two_largest_units():
    assert [short(s) for s in (0, 59, 61, 3725)] == ["0 s", "59 s", "1 min 1 s", "1 h 2 min"]

from drydockd.web.tasklog import PAGE_LINES, TaskLog
from drydockd.web.taskparts import Parts
from tests.web.tasking import ROOT


async def at_once():
    """There is always time."""


def heard(watched, *said):
    log = TaskLog(ROOT, watched.store, Parts(watched.looks))
    for seq, (context, is_error) in enumerate(said, 1):
        kind = "node" if context else "NA"
        data = {"task_id": ROOT, "seq": seq, "error": is_error, "context_type": kind}
        log.hear(data | {"context": context or "NA"})
    return log


async def test_messages_have_numbers_and_those_of_a_node_are_found(watched):
    log = heard(watched, ("n1", False), (None, True), ("n2", False), ("n1", True))
    assert list(log.numbers(None, 5)) == [1, 2, 3, 4]
    assert list(log.numbers(None, 5, most=2)) == [3, 4]
    assert log.numbers("n1", 5) == [1, 4]
    assert log.numbers("n1", 4) == [1]
    assert log.numbers("n9", 5) == []
    assert [log.first_error(node) for node in (None, "n1", "n2")] == [2, 4, None]


async def test_it_knows_whether_something_was_said_before(watched):
    log = heard(watched, (None, False), ("n1", False), ("n1", False))
    assert log.is_first([1, 2], None)
    assert not log.is_first([2], None)
    assert log.is_first([2, 3], "n1")
    assert not log.is_first([3], "n1")
    assert log.is_first([], None)


async def test_lines_are_those_of_the_store_also_before_those_that_are_kept(watched):
    await watched.say(6)
    log = heard(watched, *[(None, False)] * 6)
    log.add_to_tail([5, 6])
    lines = await log.lines([2, 3, 6], at_once)
    assert [line.number for line in lines] == [2, 3, 6]
    assert ["said 1" in lines[0].html, "said 5" in lines[2].html] == [True, True]


async def test_what_was_purged_is_left_out(watched):
    await watched.say(1)
    log = heard(watched, (None, False), (None, False))
    assert [line.number for line in await log.lines([1, 2], at_once)] == [1]


async def test_of_long_logs_only_the_end_is_kept(watched):
    await watched.say(PAGE_LINES + 5)
    log = heard(watched, *[(None, False)] * (PAGE_LINES + 5))
    log.add_to_tail(range(1, PAGE_LINES + 6))
    assert len(log._tail) == PAGE_LINES
    assert log._tail[0].number == 6

"""The connection of one process fails in every way; the others have a good one."""

import pytest

from tests.peers.wire import How
from tests.store.several.sharing import url_of

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]

WRITE = "drydock.write("  # the function: there is a table of that name too


@pytest.fixture
def wire(database, make_wire):
    return make_wire(database.server.port)


@pytest.fixture
def far(crew, database, wire):
    """Three processes, the first of which writes over the wire."""
    crew.url = url_of(database)
    crew.join("far", url_of(database, wire))
    for name in ("b", "c"):
        crew.join(name)
    crew.go()
    crew.each_writes(5)
    return crew


@pytest.mark.parametrize("how", list(How))
def test_a_write_whose_connection_is_cut_is_done_once(far, wire, how):
    member = far.members[0]
    for _ in range(4):
        cut = wire.cut(WRITE, how)
        cut.wait()
        member.wait_for(20)
        cut.deliver()  # what was held back comes when it has been sent again long since
        far.each_writes(10)
    verdict = far.settle()
    assert not verdict.faults(), verdict
    assert not any(member.refused for member in far.members)


def test_all_connections_cut_at_once_again_and_again(far, wire):
    for _ in range(5):
        far.members[0].wait_for(15)
        wire.cut_all()
    verdict = far.settle()
    assert not verdict.faults(), verdict


def test_a_silent_network_holds_up_nobody_else_and_is_made_good_later(far, wire):
    member, *others = far.members
    wire.silence()
    for other in others:
        other.wait_for(150)
    member.read()
    wire.go_on()
    far.each_writes(20)
    verdict = far.settle()
    assert not verdict.faults(), verdict


def test_what_a_silent_network_brings_too_late_is_not_done_twice(crew, database, wire):
    crew.url = url_of(database)
    url = url_of(database, wire)
    member = crew.join("far", url, patience=1)
    crew.join("b")
    crew.go()
    crew.each_writes(5)
    wire.silence()
    wire.wait_for_lines(2)  # it gave up those it had, with requests on their way
    wire.go_on()
    crew.each_writes(20)
    assert len(member.wrote) >= 25
    verdict = crew.settle()
    assert not verdict.faults(), verdict


def test_one_that_reads_no_more_and_is_far_behind_holds_up_nobody_else(crew, database, wire):
    crew.url = url_of(database)
    url = url_of(database, wire)
    member = crew.join("far", url)
    other = crew.join("b", pad=40_000, writers=8)
    crew.go()
    crew.each_writes(5)
    wire.stop_reading()
    other.wait_for(250)  # 10 MB, more than sockets hold
    wire.go_on()
    member.wait_for(20)
    verdict = crew.settle()
    assert not verdict.faults(), verdict

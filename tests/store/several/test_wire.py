"""The connection of one process fails in every way; the others have a good one."""

import contextlib

import pytest

from tests.peers import wire as lines
from tests.peers.wire import How
from tests.store.several.sharing import Sharing, url_of

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]

WRITE = "drydock.write("  # the function: there is a table of that name too
CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'far/write'"

ASKED = "SELECT max(query_start) FROM pg_stat_activity WHERE application_name = 'far/write'"


@pytest.fixture(scope="module")
def wire(postgres_server):
    with lines.running(postgres_server.port) as wire:
        yield wire


@pytest.fixture(scope="module")
def places(postgres_server, wire):
    """Of a database of these tests: its URL, and that over the wire."""
    database = postgres_server.database()
    yield url_of(database), url_of(database, wire)
    postgres_server.drop(database)


@pytest.fixture(scope="module")
def crew(places):
    """Three processes for all of these tests, the first of which writes over the wire."""
    near, far = places
    with contextlib.ExitStack() as stack:
        crew = Sharing(stack, near)
        crew.join("far", far)
        for name in ("b", "c"):
            crew.join(name)
        yield crew


@pytest.fixture
def far(crew):
    """The crew, which writes until the end of the test, where nothing may be amiss."""
    crew.go()
    crew.each_writes(5)
    yield crew
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    assert not any(member.refused for member in crew.members[:3])


@pytest.mark.parametrize("how", list(How))
def test_a_write_whose_connection_is_cut_is_done_once(crew, wire, postgres_server, how):
    """Nobody else writes: nothing but who has lost his connection tells him what became of it."""
    member = crew.members[0]
    for _ in range(3):
        cut = wire.cut(WRITE, how)
        member.go_once()
        cut.wait()
        member.end()
        cut.deliver()  # what was held back comes when it has been sent again
        postgres_server.until(CONNECTIONS, "1")
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    assert not member.refused


def test_writes_whose_connections_are_cut_while_all_write_are_done_once(far, wire):
    for how in How:
        cut = wire.cut(WRITE, how)
        cut.wait()
        far.members[0].wait_for(20)
        cut.deliver()
        far.each_writes(10)


def test_all_connections_are_cut_at_once_again_and_again(far, wire):
    for _ in range(5):
        far.members[0].wait_for(15)
        wire.cut_all()


def test_a_silent_network_holds_up_nobody_else_and_is_made_good_later(far, wire):
    member, *others = far.members
    wire.silence()
    for other in others:
        other.wait_for(150)
    member.read()  # which goes on
    wire.go_on()
    far.each_writes(20)


def test_one_that_is_far_behind_and_reads_no_more_holds_up_nobody_else(crew, wire, postgres_server):
    """What it asked before the others wrote is answered at length, or it is told to catch up."""
    member = crew.members[0]
    asked = postgres_server.psql(ASKED)
    wire.silence()
    member.go_once()
    with crew.guest("long", pad=40_000, writers=8) as other:
        other.wait_for(250)  # 10 MB, more than sockets hold
        wire.stop_reading()
        postgres_server.until(f"SELECT ({ASKED}) > '{asked}'", "t")
        other.wait_for(20)
        # Its answer is on its way: the server neither waits, with the order's lock, nor hangs up.
        postgres_server.until(f"{CONNECTIONS} AND state = 'idle'", "1")
    wire.go_on()
    member.end()
    verdict = crew.settle()
    assert not verdict.faults(), verdict


def test_what_a_silent_network_brings_too_late_is_not_done_twice(far, wire, places):
    with far.guest("hasty", places[1], patience=1) as member:
        member.wait_for(5)
        wire.silence()
        wire.wait_for_lines(2)  # it gave up those it had, with requests on their way
        wire.go_on()
        member.wait_for(20)
    far.each_writes(20)

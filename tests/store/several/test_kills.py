"""PostgreSQL is killed, and its clients are stopped, while they write."""

import random
import signal

import pytest

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]


@pytest.fixture
def server(make_postgres):
    return make_postgres(is_durable=True)


@pytest.fixture
def fragile(crew, server):
    """Two processes on a server that a test may kill."""
    crew.url = server.database().url
    for name in ("a", "b"):
        crew.join(name)
    crew.go()
    return crew


def test_a_server_that_is_killed_again_and_again_loses_and_doubles_nothing(fragile, server):
    for _ in range(3):
        fragile.each_writes(40)
        server.kill()
        for member in fragile.members:
            member.read()  # which goes on
        server.start()
    fragile.each_writes(40)
    fragile.join("later")
    verdict = fragile.settle()
    assert not verdict.faults(), verdict
    assert not any(member.refused for member in fragile.members)  # they waited


def test_a_server_that_stays_away_refuses_what_then_changed_nothing(crew, server):
    crew.url = server.database().url
    member = crew.join("a", patience=1)
    crew.go()
    member.wait_for(40)
    server.kill()
    member.go()  # those that were at it wait, as nobody knows what became of their writes
    member.until(lambda: len(member.refused) >= 8, "to be refused")
    assert "cannot be written" in member.read()
    server.start()
    member.wait_for(40)
    assert member.read() == "None"
    crew.join("later")
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    assert {why.split()[0] for why in member.refused.values()} == {"StoreUnavailable"}


def test_clients_that_are_stopped_at_any_moment_hold_nobody_up_and_go_on(three):
    dice = random.Random(7)
    for _ in range(6):
        stopped = dice.choice(three.members)
        stopped.wait_for(dice.randint(1, 20))
        stopped.kill(signal.SIGSTOP)
        for member in three.members:
            if member is not stopped:
                member.wait_for(60)
        stopped.kill(signal.SIGCONT)
    three.each_writes(20)
    verdict = three.settle()
    assert not verdict.faults(), verdict


def test_a_client_that_is_killed_takes_nothing_with_it(three):
    first, *others = three.members
    first.kill()
    first.ended()
    for member in others:
        member.wait_for(40)
    three.join("a")  # as a service manager starts it anew: the same name
    three.members[-1].go()
    three.each_writes(20)
    verdict = three.settle()
    assert not verdict.faults(), verdict


def test_all_killed_at_once_leave_all_that_was_acknowledged(three):
    for member in three.members:
        member.kill()
    for member in three.members:
        member.ended()
    three.join("later")
    verdict = three.settle()
    assert not verdict.faults(), verdict


def test_a_full_database_refuses_what_then_changed_nothing_and_takes_more_later(
    crew, make_postgres
):
    server = make_postgres(is_durable=True, wal_mib=1)
    crew.url = server.database().url
    for name in ("a", "b"):
        crew.join(name, pad=3000, patience=1)
    server.fill()
    crew.go()
    for member in crew.members:
        member.until(lambda member=member: len(member.refused) >= 8, "to be refused")
        assert "could not extend file" in member.read()
    server.empty()
    crew.each_writes(40)
    assert [member.read() for member in crew.members] == ["None", "None"]
    crew.join("later")
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    told = {why.split()[0] for member in crew.members for why in member.refused.values()}
    assert told == {"StoreUnavailable"}

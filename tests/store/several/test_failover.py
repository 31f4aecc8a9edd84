"""A standby takes over: nothing is lost by a synchronous one, and all notice what another lacks."""

import pytest

from tests.peers.standby import url_of_both

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.peer("postgres")]

WAITS = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@pytest.fixture
def primary(make_postgres):
    return make_postgres(is_durable=True)


def two(crew, primary, standby):
    crew.url = url_of_both(primary, standby, primary.database().name)
    for name in ("a", "b"):
        crew.join(name)
    crew.go()
    crew.each_writes(40)
    return crew.members


def test_a_synchronous_standby_takes_over_without_a_loss(crew, primary, make_standby):
    standby = make_standby(primary, is_synchronous=True)
    two(crew, primary, standby)
    primary.kill()
    standby.promote()
    crew.each_writes(40)
    crew.join("later")
    verdict = crew.settle()
    assert not verdict.faults(), verdict
    assert not any(member.refused for member in crew.members)


def test_while_a_synchronous_standby_stands_writes_wait_and_reads_go_on(
    crew, primary, make_standby
):
    standby = make_standby(primary, is_synchronous=True)
    members = two(crew, primary, standby)
    standby.pause()
    primary.until(WAITS, "t")
    waiting = [len(member.wrote) for member in members]
    for member in members:
        member.read()
    assert [len(member.wrote) for member in members] == waiting
    standby.go_on()
    crew.each_writes(40)
    standby.pause()
    primary.until(WAITS, "t")
    primary.kill()
    standby.go_on()
    standby.promote()
    crew.each_writes(40)
    crew.join("later")
    verdict = crew.settle()
    assert not verdict.faults(), verdict


def test_everybody_notices_that_a_standby_lacks_what_was_acknowledged(crew, primary, make_standby):
    standby = make_standby(primary)
    members = two(crew, primary, standby)
    standby.fall_behind()
    crew.each_writes(40)
    primary.kill()
    standby.promote()
    for member in members:
        assert member.ended() == 75, member.errors()
        assert "HistoryLost" in member.errors()
    replicas = {name: crew.join(name).look() for name in ("a", "b")}
    verdict = crew.judge(replicas)
    assert len(verdict.lost) >= 80  # which the test can see, as the daemons did
    assert not verdict.different
    assert not verdict.twice

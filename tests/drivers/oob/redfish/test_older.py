"""Sessions that we left at a BMC are ended; those of anybody else never are."""

import asyncio

import pytest

from drydockd.errors import DriverTransient
from tests.drivers.oob.redfish.conftest import quicker, until
from tests.peers.bmc import Machine

SESSIONS = "/redfish/v1/SessionService/Sessions"
LOGIN = ".*/SessionService/Sessions"
OLD = f"{SESSIONS}/77"


def leave(bmc, path=OLD, **notes):
    """A session that is there already."""
    bmc.sessions[path] = f"token-of-{path[-2:]}"
    bmc.session_notes[path] = notes


async def end(lab, path=OLD):
    await lab.driver.end_session(lab.node, path, lab.voice)


async def test_the_session_of_a_dead_daemon_is_ended(lab):
    a = await lab()
    leave(a.bmc)
    await end(a)
    assert a.bmc.sessions == {}
    assert a.said == [f"n1: ended session {OLD}, which was left at the BMC"]
    assert a.voice.sessions == []


@pytest.mark.parametrize("notes", [{"UserName": "joe"}, {"UserName": None}])
async def test_a_session_that_is_not_of_our_account_is_left_alone(lab, notes):
    a = await lab(leaves_sessions=True)
    leave(a.bmc, **notes)
    await end(a)
    assert list(a.bmc.sessions) == [OLD]
    assert a.said == [f"n1: session {OLD} is not of this node's account now, so it was left alone"]


async def test_a_session_that_is_gone_needs_no_ending(lab):
    a = await lab()
    await end(a)
    assert a.said == [f"n1: the BMC shows no session {OLD} any more"]
    assert a.bmc.count("DELETE", OLD) == 0


async def test_a_number_that_the_bmc_gave_to_ourselves_is_not_an_old_session(lab):
    a = await lab()
    await end(a, f"{SESSIONS}/1")
    assert a.said == [f"n1: the BMC shows no session {SESSIONS}/1 any more"]
    assert a.bmc.count("DELETE") == 1


async def test_an_old_session_that_takes_the_last_place_is_ended_without_one(lab):
    a = await lab(limit=1)
    leave(a.bmc)
    await end(a)
    assert a.bmc.sessions == {}


async def test_a_bmc_that_refuses_to_end_it_is_told_and_fails_nothing(lab):
    a = await lab(leaves_sessions=True)
    leave(a.bmc)
    a.bmc.rule("DELETE", OLD, status=403, id="Base.1.InsufficientPrivilege", text="No.")
    await end(a)
    [text] = a.said
    assert text.startswith(f"n1: the BMC did not end session {OLD}: HTTP 403")


async def test_a_bmc_that_does_not_answer_is_worth_another_try(lab):
    a = await lab(leaves_sessions=True)
    leave(a.bmc)
    a.bmc.rule("DELETE", OLD, status=503)
    with pytest.raises(DriverTransient, match="to end an older session"):
        await end(a)


async def test_a_login_whose_answer_was_lost_leaves_no_session(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", LOGIN, drop="after", times=1)
    await a.state()
    assert a.bmc.logins == 2
    assert a.bmc.sessions == {}


async def test_a_session_that_a_whole_call_left_is_ended_by_the_next_one(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", LOGIN, drop="after", times=4)  # of 1 + max_retries
    with pytest.raises(DriverTransient, match="to log in"):
        await a.state()
    assert len(a.bmc.sessions) == 4
    await a.state()
    assert a.bmc.sessions == {}


async def test_a_login_cut_by_its_deadline_is_remembered_too(lab):
    a = await lab(pace=quicker(closing=0.01))
    go = asyncio.Event()
    rule = a.bmc.rule("POST", LOGIN, hold=go, times=1)
    running = asyncio.create_task(a.state())
    await until(lambda: rule.hits)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    go.set()
    await until(lambda: a.bmc.sessions)
    await a.state()
    assert a.bmc.sessions == {}


FOREIGN = {
    "of another account": {"UserName": "joe"},
    "from another address": {"ClientOriginIPAddress": "10.9.9.9"},
    "older than the login": {"CreatedTime": "2024-01-01T00:00:00Z"},
}


@pytest.mark.parametrize("notes", FOREIGN.values(), ids=FOREIGN)
async def test_what_another_left_is_not_taken_for_the_lost_one(lab, notes):
    a = await lab(Machine(power="On"), leaves_sessions=True)
    leave(a.bmc)
    await a.state()  # for what the BMC tells of a session from here, now
    mine = a.bmc.session_notes[f"{SESSIONS}/1"]
    a.bmc.session_notes[OLD] = {**mine, **notes}
    a.bmc.rule("POST", LOGIN, drop="after", times=1)
    await a.state()
    assert list(a.bmc.sessions) == [OLD]


async def test_more_sessions_than_were_lost_are_all_left_alone_and_told(lab):
    a = await lab(Machine(power="On"), leaves_sessions=True)
    await a.state()
    leave(a.bmc, **a.bmc.session_notes[f"{SESSIONS}/1"])
    a.bmc.rule("POST", LOGIN, drop="after", times=1)
    facts = await a.facts()
    assert list(a.bmc.sessions) == [OLD, f"{SESSIONS}/2"]
    assert any("may have left a session" in odd for odd in facts.odd)


@pytest.mark.parametrize("untold", ["ClientOriginIPAddress", "CreatedTime", "UserName"])
async def test_where_the_bmc_does_not_tell_whose_they_are_none_is_ended(lab, untold):
    a = await lab(Machine(power="On"), leaves_sessions=True, untold_of_sessions={untold})
    a.bmc.rule("POST", LOGIN, drop="after", times=1)
    facts = await a.facts()
    assert list(a.bmc.sessions) == [f"{SESSIONS}/1"]
    assert any("may have left a session" in odd for odd in facts.odd)


async def test_a_login_that_never_reached_the_bmc_costs_one_look_and_no_word(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", LOGIN, drop="before", times=1)
    facts = await a.facts()
    assert a.bmc.sessions == {}
    assert not any("session" in odd for odd in facts.odd)
    await a.state()
    assert a.bmc.count("GET", LOGIN) == 1


async def test_without_a_session_to_compare_with_the_search_waits_for_one(lab):
    a = await lab(Machine(power="On"), limit=1)
    a.bmc.rule("POST", LOGIN, drop="after", times=1)
    await a.state()  # by basic authentication: the lost one takes the only place
    assert len(a.bmc.sessions) == 1
    a.bmc.limit = 2
    await a.state()
    assert a.bmc.sessions == {}

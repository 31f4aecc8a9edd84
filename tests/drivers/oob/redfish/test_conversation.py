"""Logging in, asking patiently, logging out; contract, oob-faults, C.1 to C.6, C.11, C.25."""

import asyncio
import logging

import pytest

from drydockd.errors import DriverConflict, DriverPersistent, DriverTransient
from drydockd.machines import PowerState
from tests.drivers.oob.redfish.conftest import until
from tests.peers.bmc import Machine

SESSIONS = ".*/SessionService/Sessions"


@pytest.mark.parametrize(
    "answer",
    [(503, "IDRAC.2.8.RAC0218"), (400, "IDRAC.2.8.RAC0218"), (503, "Base.1.5.GeneralError")],
)
async def test_c1_a_bmc_without_a_free_session_is_asked_by_basic_authentication(lab, answer):
    a = await lab(Machine(power="On"), limit=0, limit_answer=answer)
    await a.off()
    assert a.machine.power == "Off"
    assert a.voice.sessions == []
    assert "all its sessions are taken; basic authentication is used" in a.said[0]


async def test_c1_sessions_of_others_are_never_ended(lab):
    a = await lab(limit=1, leaves_sessions=True)
    a.bmc.sessions["/redfish/v1/SessionService/Sessions/other"] = "another's"
    assert await a.state() is PowerState.OFF
    assert list(a.bmc.sessions) == ["/redfish/v1/SessionService/Sessions/other"]


async def test_c1_who_insists_on_sessions_hears_that_none_is_free(lab):
    a = await lab(limit=0, options={"session": "session"})
    with pytest.raises(DriverTransient, match="all its sessions are taken; set redfish_driver"):
        await a.state()


async def test_c2_a_session_is_ended_after_every_call_and_after_every_error(lab):
    a = await lab()
    await a.state()
    a.bmc.rule("GET", ".*/Systems/1", status=500, id="X.1.Broken")
    with pytest.raises(DriverTransient):
        await a.state()
    assert (a.bmc.logins, a.bmc.count("DELETE")) == (2, 2)


async def test_c2_a_lost_log_out_is_repeated(lab):
    a = await lab()
    a.bmc.rule("DELETE", drop="before", times=1)
    await a.state()
    assert a.bmc.count("DELETE") == 2


async def test_c2_a_session_that_the_bmc_does_not_end_is_logged(lab, caplog):
    a = await lab(leaves_sessions=True)
    a.bmc.rule("DELETE", status=405, id="Base.1.OperationNotAllowed")
    with caplog.at_level(logging.WARNING):
        await a.state()
    assert "session /redfish/v1/SessionService/Sessions/1 not closed: HTTP 405" in caplog.text


async def test_c2_a_session_named_only_in_the_body_is_ended_too(lab):
    a = await lab(has_session_body_uri_only=True)
    await a.state()
    assert a.bmc.count("DELETE") == 1


@pytest.mark.parametrize("links", ["links", "service", "none"])
async def test_c3_the_sessions_are_found_by_link_by_service_or_by_convention(lab, links):
    a = await lab(links=links)
    await a.state()
    assert a.bmc.logins == 1


async def test_c3_a_bmc_without_sessions_is_asked_by_basic_authentication(lab):
    a = await lab(has_sessions=False)
    assert await a.state() is PowerState.OFF
    assert a.bmc.headers[-1]["authorization"].startswith("Basic ")


async def test_c3_basic_authentication_alone_may_be_wanted(lab):
    a = await lab(Machine(power="On"), options={"session": "basic"})
    await a.off()
    assert a.bmc.logins == 0
    assert a.said == ["n1: power is off"]


async def test_c4_a_session_lost_in_mid_operation_is_made_anew_once(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", ".*Reset", status=401, times=1)
    await a.off()
    assert (a.bmc.logins, a.machine.resets) == (2, ["ForceOff"])
    assert a.voice.sessions == [
        "/redfish/v1/SessionService/Sessions/1",
        "/redfish/v1/SessionService/Sessions/2",
    ]


async def test_c4_a_restart_of_the_bmc_in_mid_operation_is_survived(lab):
    a = await lab()
    rule = a.bmc.rule("GET", ".*/Systems", hold=asyncio.Event(), times=1)
    running = asyncio.create_task(a.state())
    await until(lambda: a.bmc.open_requests)
    a.bmc.restart()
    rule.hold.set()
    assert await running is PowerState.OFF
    assert a.bmc.logins == 2


async def test_c4_a_second_refusal_is_final(lab):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", status=401)
    with pytest.raises(DriverPersistent, match="refuses the account; check oob"):
        await a.state()
    assert (a.bmc.logins, a.bmc.count("GET", ".*/Systems")) == (2, 2)


async def test_c5_a_wrong_password_is_tried_once_and_never_as_basic(lab):
    a = await lab(password="another")
    with pytest.raises(DriverPersistent) as caught:
        await a.state()
    assert str(caught.value) == (
        f"n1: BMC 127.0.0.1:{a.bmc.port}: POST /redfish/v1/SessionService/Sessions to log in: "
        "HTTP 401 ResourceAtUriUnauthorized (Wrong password), the BMC refuses the account; check "
        "oob.account and oob.credential of the node; nothing was tried again"
    )
    assert a.bmc.judged == 1


async def test_c5_a_wrong_password_counts_once_with_basic_authentication_too(lab):
    a = await lab(password="another", has_sessions=False)
    with pytest.raises(DriverPersistent, match="refuses the account"):
        await a.state()
    assert a.bmc.judged == 1


@pytest.mark.parametrize("status", [400, 403])
async def test_c5_some_bmcs_refuse_an_account_with_another_status(lab, status):
    a = await lab()
    a.bmc.rule("POST", SESSIONS, status=status, id="iLO.2.14.UnauthorizedLoginAttempt")
    with pytest.raises(DriverPersistent, match="refuses the account"):
        await a.state()
    assert a.bmc.count("GET") == 1


async def test_c5_a_login_that_fails_otherwise_is_not_tried_as_basic_either(lab):
    a = await lab()
    a.bmc.rule("POST", SESSIONS, status=400, id="Base.1.MalformedJSON")
    with pytest.raises(DriverConflict, match="HTTP 400 MalformedJSON"):
        await a.state()
    assert a.bmc.count("GET") == 1


async def test_c6_a_password_that_has_to_be_changed_is_said(lab):
    a = await lab(must_change_password=True)
    with pytest.raises(DriverPersistent, match="change the BMC's password first"):
        await a.state()


async def test_c6_also_where_only_the_first_question_is_refused(lab):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", status=403, id="Base.1.13.PasswordChangeRequired")
    with pytest.raises(DriverPersistent, match="change the BMC's password first"):
        await a.state()


async def test_an_account_without_rights_is_told_which_it_lacks(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule("POST", ".*Reset", status=403, id="Base.1.13.InsufficientPrivilege")
    with pytest.raises(DriverPersistent, match=r"give the account of oob\.account the rights for"):
        await a.off()


@pytest.mark.parametrize(
    ("status", "message_id"),
    [
        (400, "IDRAC.2.4.SWC0700"),
        (503, "IDRAC.2.4.SYS518"),
        (500, "IDRAC.2.8.SYS446"),
        (500, "IDRAC.2.8.RAC0508"),
        (503, "Base.1.8.ServiceTemporarilyUnavailable"),
        (400, "iLO.2.15.UnableToModifyDuringSystemPOST"),
        (400, "Base.1.13.InvalidOperationForSystemState"),
    ],
)
@pytest.mark.parametrize("path", ["/redfish/v1/", SESSIONS, ".*/Systems/1"])
async def test_c11_a_bmc_that_is_not_ready_is_asked_until_it_is(lab, status, message_id, path):
    a = await lab()
    # More often than a request that fails is repeated.
    a.bmc.rule(path=path, status=status, id=message_id, times=9)
    assert await a.state() is PowerState.OFF
    assert a.bmc.logins == 1


async def test_c11_a_bmc_that_is_never_ready_fails_at_the_deadline(lab):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", status=400, id="IDRAC.2.4.SWC0700", text="iDRAC starts.")
    text = await a.in_vain(a.state)
    assert "HTTP 400 SWC0700 (iDRAC starts); check the BMC" in text


@pytest.mark.parametrize(
    "told",
    [
        {"headers": {"Retry-After": "600"}},
        {"text": "The service is unavailable. Retry in 600 seconds."},
        {"id": "Base.1.8.ServiceTemporarilyUnavailable", "args": ("600",)},
    ],
)
async def test_c11_what_a_bmc_asks_to_wait_is_waited_up_to_the_deadline(lab, told):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", **{"status": 503, "id": "IDRAC.2.4.SYS518", **told})
    await a.in_vain(a.state)
    assert a.bmc.count("GET", ".*/Systems") == 1


@pytest.mark.parametrize("what", [{"status": 500}, {"status": 503}, {"drop": "before"}])
async def test_what_is_lost_or_fails_is_repeated_as_often_as_max_retries_says(lab, what):
    a = await lab()
    a.bmc.rule("GET", ".*/Systems", **what, times=3)
    assert await a.state() is PowerState.OFF

    a.bmc.rule("GET", ".*/Systems", **what)
    with pytest.raises(DriverTransient, match="4 times; check the BMC and the network to it"):
        await a.state()


async def test_c25_slow_answers_are_waited_for(lab):
    a = await lab(Machine(power="On"))
    a.bmc.rule(delay=0.01)
    await a.off()
    assert a.machine.power == "Off"


async def test_c25_every_request_has_a_connection_of_its_own(lab):
    a = await lab()
    await a.state()
    assert {headers["connection"] for headers in a.bmc.headers} == {"close"}


@pytest.mark.parametrize("raw", [b"<html>Please log in</html>", b"", b"[]", b"{"])
async def test_an_answer_that_is_no_redfish_is_told_as_such(lab, raw):
    a = await lab()
    a.bmc.rule("GET", "/redfish/v1/", status=200, raw=raw)
    with pytest.raises(DriverTransient, match="no JSON object in it"):
        await a.state()


async def test_no_redfish_at_all_is_told_with_what_to_check(lab):
    a = await lab()
    a.bmc.rule("GET", "/redfish/v1/", status=404)
    with pytest.raises(DriverConflict, match="HTTP 404; check that this is the node's BMC"):
        await a.state()


async def test_a_bmc_that_sends_us_elsewhere_is_not_followed(lab):
    a = await lab()
    a.bmc.rule("GET", "/redfish/v1/", status=301, headers={"Location": "https://elsewhere/x"})
    with pytest.raises(DriverPersistent, match="it sends us to https://elsewhere/x; correct"):
        await a.state()


async def test_a_bmc_that_spells_its_root_otherwise_is_followed(lab):
    a = await lab()
    a.bmc.rule("GET", "/redfish/v1/", status=308, headers={"Location": "/redfish/v1"})
    assert await a.state() is PowerState.OFF


async def test_a_root_for_those_who_are_logged_in_is_read_again(lab):
    a = await lab(needs_login_for_root=True)
    assert await a.state() is PowerState.OFF
    assert a.bmc.logins == 1


async def test_links_to_other_hosts_are_asked_at_the_bmc_itself(lab):
    a = await lab()
    a.bmc.rule(
        "GET",
        ".*/Systems",
        status=200,
        raw=b'{"Members": [{"@odata.id": "http://elsewhere:9/redfish/v1/Systems/1"}]}',
    )
    assert await a.state() is PowerState.OFF

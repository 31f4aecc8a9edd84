"""The security log: one parsable line per event, never a token."""

import json
import logging

import pytest

from drydockd.auth.audit import Audit, Event, fingerprint


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.DEBUG, logger="drydockd.audit")
    return lambda: [json.loads(r.getMessage()) for r in caplog.records]


def test_an_event_is_one_json_line_with_its_subjects(lines, caplog):
    Audit().record(
        Event.AUTHZ_FAIL,
        "ann",
        "physical_provisioner:create_task",
        remote="10.0.0.1",
        request_id="r-1",
        path="/api/v1.0/tasks",
    )
    (line,) = lines()
    assert line["event"] == "authz_fail:ann,physical_provisioner:create_task"
    assert (line["source_ip"], line["request_id"], line["appid"]) == ("10.0.0.1", "r-1", "drydockd")
    assert line["path"] == "/api/v1.0/tasks"
    assert line["datetime"].endswith("+00:00")
    assert caplog.records[0].name == "drydockd.audit"
    assert caplog.records[0].levelno == logging.ERROR


def test_a_token_is_only_a_fingerprint(lines, caplog):
    Audit().record(Event.AUTHN_LOGIN_FAIL, token="gAAAA-very-secret")
    assert "very-secret" not in caplog.text
    assert lines()[0]["token"] == fingerprint("gAAAA-very-secret")
    assert len(fingerprint("x")) == 12


def test_nothing_a_caller_sends_can_end_the_line_or_forge_a_field(lines, caplog):
    Audit().record(
        Event.AUTHN_LOGIN_FAIL,
        'x\n{"event": "sys_startup"}\x1b[0m',
        remote="1.2.3.4",
        source_ip_note="\u2028",
    )
    (line,) = lines()
    assert line["source_ip"] == "1.2.3.4"
    message = caplog.records[0].getMessage()
    assert message.isascii()
    assert message.isprintable()


def test_details_do_not_replace_what_the_line_must_say(lines):
    Audit().record(Event.STARTUP, appid="evil", level="DEBUG")
    assert lines()[0]["appid"] == "drydockd"
    assert lines()[0]["level"] == "WARNING"

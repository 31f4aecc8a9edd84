"""What the answer to a login means."""

import pytest

from drydockd.drivers.oob.redfish.answers import Answer, Note
from drydockd.drivers.oob.redfish.sessions import Login, logged_in


def test_a_token_and_where_to_end_it_make_a_session():
    answer = Answer(201, {"x-auth-token": "t", "location": "https://bmc/redfish/v1/S/1"})
    assert Login.of(answer) == Login("t", "/redfish/v1/S/1", headers={"X-Auth-Token": "t"})
    assert logged_in(answer) is None


def test_a_token_is_not_shown():
    assert "secret" not in repr(Login.of(Answer(201, {"x-auth-token": "secret"})))


@pytest.mark.parametrize(
    ("status", "note", "kind"),
    [
        (401, "ResourceAtUriUnauthorized", "account"),
        (403, "", "account"),
        (400, "AccountLocked", "account"),
        (503, "", "limit"),
        (403, "SessionLimitExceeded", "limit"),
        (404, "", "basic"),
        (405, "", "basic"),
        (501, "", "basic"),
        (200, "", "basic"),
        (400, "MalformedJSON", "neither"),
    ],
)
def test_why_there_is_no_session(status, note, kind):
    why = logged_in(Answer(status, {}, notes=(Note(note),) if note else ()))
    assert why.is_account == (kind == "account")
    assert why.is_limit == (kind == "limit")
    assert why.is_for_basic == (kind in ("limit", "basic"))

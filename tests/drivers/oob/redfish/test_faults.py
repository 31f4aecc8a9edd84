"""What a refusal means."""

import pytest

from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, Note


def refusal(status, note="", text="", args=(), **headers):
    notes = (Note(note, text, args),) if note or text else ()
    return Answer(status, {k.replace("_", "-"): v for k, v in headers.items()}, notes=notes)


def test_an_id_decides_against_the_status_but_not_against_success():
    assert faults.is_not_ready(refusal(400, "SWC0700"))
    assert not faults.is_not_ready(refusal(200, "SWC0700"))
    assert not faults.is_not_ready(refusal(400, "PropertyUnknown"))


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_bmc_that_is_away(status):
    assert faults.is_away(refusal(status))


@pytest.mark.parametrize("status", [200, 400, 404, 501])
def test_a_bmc_that_has_decided(status):
    assert not faults.is_away(refusal(status))


def test_a_limit_of_sessions_by_id_status_or_words():
    assert faults.is_session_limit(refusal(400, "RAC0218"))
    assert faults.is_session_limit(refusal(503))
    assert not faults.is_session_limit(refusal(503, "SYS518"))
    assert faults.is_session_limit(refusal(400, "X", "The maximum number of sessions is reached"))
    assert not faults.is_session_limit(refusal(400, "X", "No."))


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (refusal(503, retry_after="30"), 30),
        (refusal(503, retry_after="Wed, 21 Oct 2026 07:28:00 GMT"), None),
        (refusal(503, "ServiceTemporarilyUnavailable", args=("45",)), 45),
        (refusal(503, "X", "Retry in 90 seconds."), 90),
        (refusal(503, "X", "Please try again after 2 minutes."), 120),
        (refusal(503, "X", "Wait."), None),
        (refusal(503), None),
    ],
)
def test_how_long_a_bmc_wants_to_be_left_alone(answer, seconds):
    assert faults.seconds_told(answer) == seconds

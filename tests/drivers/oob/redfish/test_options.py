"""The options of the redfish driver."""

import pytest
from pydantic import ValidationError

from drydockd.drivers.oob.redfish.options import RedfishOptions


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"ca_file": "/ca.pem", "verify": False}, "ca_file without checking"),
        ({"use_ssl": False, "verify": True}, "of no use with use_ssl: false"),
        ({"use_ssl": False, "ca_file": "/ca.pem"}, "of no use with use_ssl: false"),
        ({"fingerprints": {"10.0.0.1": "ab:cd"}}, "64 hex digits"),
        ({"port": 0}, "greater than or equal to 1"),
        ({"max_retries": 0}, "greater than or equal to 1"),
        ({"session": "maybe"}, "'auto', 'session' or 'basic'"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(options, text):
    with pytest.raises(ValidationError, match=text):
        RedfishOptions(**options)


def test_a_fingerprint_may_have_colons():
    text = ":".join(["AB"] * 32)
    assert RedfishOptions(fingerprints={"n1": text}).fingerprints == {"n1": "ab" * 32}


def test_a_call_has_time_for_five_slow_answers_and_the_power_for_its_looks():
    options = RedfishOptions()
    assert (options.ask_seconds, options.change_seconds) == (325.0, 180.0)

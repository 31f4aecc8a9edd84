"""Fingerprints as people see them."""

from drydockd.drivers.oob.redfish.fingerprints import fingerprint_of, shown
from drydockd.log import Redaction
from drydockd.oob import parse_fingerprint

DIGITS = fingerprint_of(b"a certificate")


def test_what_is_shown_can_be_pinned():
    assert parse_fingerprint(shown(DIGITS)) == DIGITS


def test_one_that_is_shown_is_not_masked_in_the_log():
    assert Redaction()(f"pin {shown(DIGITS)}") == f"pin {shown(DIGITS)}"

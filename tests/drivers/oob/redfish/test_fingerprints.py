"""Fingerprints as people write them."""

import pytest

from drydockd.drivers.oob.redfish.fingerprints import fingerprint_of, parse_fingerprint, shown
from drydockd.log import Redaction

DIGITS = fingerprint_of(b"a certificate")


@pytest.mark.parametrize(
    "text",
    [
        DIGITS,
        DIGITS.upper(),
        f"sha256:{DIGITS}",
        f"SHA256 Fingerprint={shown(DIGITS)}",
        f" sha256 Fingerprint={shown(DIGITS)}\n",
    ],
)
def test_every_usual_way_to_write_one_is_read(text):
    assert parse_fingerprint(text) == DIGITS


@pytest.mark.parametrize("text", ["", "ab", DIGITS + "0", "g" * 64, f"sha1:{DIGITS[:40]}"])
def test_what_is_none_is_refused(text):
    with pytest.raises(ValueError, match="64 hex digits"):
        parse_fingerprint(text)


def test_one_that_is_shown_is_not_masked_in_the_log():
    assert Redaction()(f"pin {shown(DIGITS)}") == f"pin {shown(DIGITS)}"

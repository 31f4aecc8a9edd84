"""The optional keys of a node's `oob` section."""

import pytest

from drydockd.oob import (
    parse_fingerprint,
    parse_port,
    parse_privilege,
    parse_suites,
    parse_truth,
    parse_uuid,
    wrong_keys,
)

DIGITS = "0123456789abcdef" * 4
COLONS = ":".join(DIGITS[place : place + 2] for place in range(0, 64, 2)).upper()
UUID = "8d3f6f52-30c2-4c6e-9a8c-0d5b1b2f0001"


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_port, "1", 1),
        (parse_port, "65535", 65535),
        (parse_privilege, "operator", "OPERATOR"),
        (parse_suites, "3, 17", (3, 17)),
        (parse_truth, "True", True),
        (parse_truth, "false", False),
        (parse_uuid, UUID.upper(), UUID),
        (parse_uuid, f"{{{UUID}}}", UUID),
        (parse_fingerprint, DIGITS, DIGITS),
        (parse_fingerprint, f"sha256:{DIGITS}", DIGITS),
        (parse_fingerprint, f" SHA256 Fingerprint={COLONS}\n", DIGITS),
    ],
)
def test_every_usual_way_to_write_one_is_read(parse, text, value):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (parse_port, "0"),
        (parse_port, "65536"),
        (parse_port, "99999999999999999999"),
        (parse_port, "https"),
        (parse_port, "٤٤٣"),
        (parse_privilege, "root"),
        (parse_suites, "0"),
        (parse_suites, "17,"),
        (parse_truth, "maybe"),
        (parse_uuid, "17"),
        (parse_fingerprint, "ab"),
        (parse_fingerprint, DIGITS + "0"),
        (parse_fingerprint, f"sha1:{DIGITS[:40]}"),
    ],
)
def test_what_is_none_is_refused(parse, text):
    with pytest.raises(
        ValueError, match=r"a port|true or false|a UUID|64 hex digits|1 to 17|OPERATOR"
    ):
        parse(text)


def test_wrong_keys_are_told_with_what_is_wanted():
    parameters = {"port": "0", "verify": "true", "uuid": "", "unknown": "?", "system_id": "any"}
    assert list(wrong_keys("redfish", parameters)) == [("port", "a port, 1 to 65535")]


@pytest.mark.parametrize("oob_type", ["manual", None])
def test_other_types_have_no_such_keys(oob_type):
    assert list(wrong_keys(oob_type, {"port": "0"})) == []

"""The forms in which an ETag is tried; what comes of it is tested with boot device and power."""

import pytest

from drydockd.drivers.oob.redfish.matching import ROUNDS


@pytest.mark.parametrize(
    ("etag", "tried"),
    [
        ('"a1"', ['"a1"', '"a1"', "*", None]),
        ('W/"a1"', ['W/"a1"', '"a1"', "*", None]),
        ('""a1""', ['""a1""', '"a1"', "*", None]),
        ('"\\"a1\\""', ['"\\"a1\\""', '"a1"', "*", None]),
        ("a1", ["a1", '"a1"', "*", None]),
        (None, [None, None, "*", None]),
    ],
)
def test_as_sent_then_strong_then_any_then_none(etag, tried):
    assert [form(etag) for form in ROUNDS] == tried

import hashlib
import hmac

from drydockd.webhooks.signature import sign


def test_time_and_body_are_signed_together():
    header = sign(b"0123456789abcdef", 1767571200, b'{"a":1}')
    digest = hmac.new(b"0123456789abcdef", b'1767571200.{"a":1}', hashlib.sha256).hexdigest()
    assert header == f"t=1767571200,v1={digest}"
    for other in (
        sign(b"0123456789abcdeg", 1767571200, b'{"a":1}'),
        sign(b"0123456789abcdef", 1767571201, b'{"a":1}'),
        sign(b"0123456789abcdef", 1767571200, b'{"a":2}'),
    ):
        assert other.partition("v1=")[2] != digest

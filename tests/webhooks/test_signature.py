import hashlib
import hmac
import time

from drydockd.webhooks.signature import sign
from tests.docs.pages import ROOT


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


def test_the_example_of_the_documents_tells_right_from_wrong():
    page = (ROOT / "docs" / "events.md").read_text()
    code = page.partition("```python\n")[2].partition("```")[0]
    found = {}
    exec(code, found)
    is_genuine, secret, body = found["is_genuine"], b"0123456789abcdef", b'{"a":1}'
    now = int(time.time())
    header = sign(secret, now, body)
    assert is_genuine(secret, header, body)
    assert not is_genuine(secret, header, body + b" ")
    assert not is_genuine(b"0123456789abcdeg", header, body)
    assert not is_genuine(secret, sign(secret, now - 400, body), body)
    assert not is_genuine(secret, header.replace("t=", "t=1"), body)
    assert not is_genuine(secret, "nonsense", body)

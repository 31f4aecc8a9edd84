"""The API key and its header."""

import pytest

from drydockd.drivers.node.maas.oauth import authorization, parse_key
from tests.peers.maas import oauth

KEY = parse_key("consumer:token-1:secret/+ 1".replace(" ", ""))


def test_a_header_is_taken_once_and_each_is_another():
    known, nonces = oauth.Key(KEY.consumer, KEY.token, KEY.secret), set()
    first = authorization(KEY)
    assert first.startswith('OAuth realm="OAuth", oauth_version="1.0"')
    assert 'oauth_signature="%26secret%2F%2B1"' in first
    oauth.check(first, known, nonces)
    with pytest.raises(oauth.Denied):
        oauth.check(first, known, nonces)
    oauth.check(authorization(KEY), known, nonces)


@pytest.mark.parametrize("text", ["", "a:b", "a:b:c:d", "a::s3cret", "a:b:s3cr\net", "a:b:s3crèt"])
def test_what_is_no_key_is_told_without_showing_it(text):
    with pytest.raises(ValueError, match="consumer:token:secret") as caught:
        parse_key(text)
    assert "s3cr" not in str(caught.value)


def test_a_key_shows_nothing_of_itself():
    assert "secret" not in repr(KEY)
    assert "token-1" not in repr(KEY)
    assert KEY.hide("x secret/+1 y token-1") == "x *** y ***"

"""What MAAS checks of the header: OAuth 1.0, PLAINTEXT, each nonce once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote


@dataclass(frozen=True)
class Key:
    consumer: str
    token: str
    secret: str


class Denied(Exception):
    """A 401; its text is the one of MAAS, with the secret in it."""


def check(header: str | None, key: Key, nonces: set[str]) -> None:
    if not header or not header.startswith("OAuth "):
        raise Denied("Authorization Error: no OAuth header")
    given = {
        name: unquote(value)
        for name, value in re.findall(r'(\w+)="([^"]*)"', header[len("OAuth ") :])
    }
    wanted = {
        "oauth_version": "1.0",
        "oauth_signature_method": "PLAINTEXT",
        "oauth_consumer_key": key.consumer,
        "oauth_token": key.token,
        "oauth_signature": f"&{key.secret}",
    }
    wrong = [name for name, value in wanted.items() if given.get(name) != value]
    if wrong or not given.get("oauth_timestamp", "").isdecimal():
        expected = f"Expected signature base string: &{key.secret}"
        raise Denied(f"Authorization Error: 'Invalid signature. {expected}'")
    nonce = given.get("oauth_nonce", "")
    if not nonce or nonce in nonces:
        raise Denied(f"Authorization Error: 'Nonce already used: {nonce}' (&{key.secret})")
    nonces.add(nonce)

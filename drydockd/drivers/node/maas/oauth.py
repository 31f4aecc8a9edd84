"""MAAS' API key, and the header that proves it: OAuth 1.0, PLAINTEXT.

MAAS takes a nonce once, so that a header is made for each try. Source: contract, maas, section 1.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The three parts of an API key; the consumer's secret is always empty."""

    consumer: str
    token: str = field(repr=False)
    secret: str = field(repr=False)

    def hide(self, text: str) -> str:
        """Return `text` without anything of this key that proves it."""
        for part in (self.secret, self.token):
            text = text.replace(part, "***")
        return text


def parse_key(text: str) -> ApiKey:
    """Return the parts of ``consumer:token:secret``. Raises ValueError, which never shows them."""
    parts = text.strip().split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isprintable() for part in parts):
        raise ValueError("not consumer:token:secret, as `maas apikey --username NAME` prints it")
    if not all(parts):
        raise ValueError("a part of consumer:token:secret is empty")
    return ApiKey(*parts)


def authorization(key: ApiKey) -> str:
    """Return the header's value for one try; each has a nonce of its own."""
    parameters = {
        "oauth_version": "1.0",
        "oauth_signature_method": "PLAINTEXT",
        "oauth_consumer_key": key.consumer,
        "oauth_token": key.token,
        "oauth_signature": f"&{key.secret}",
        "oauth_timestamp": str(int(time.time())),
        "oauth_nonce": secrets.token_hex(16),
    }
    shown = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in parameters.items())
    return f'OAuth realm="OAuth", {shown}'

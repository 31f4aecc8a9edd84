"""The keys of the boot network: derived, never stored, never logged.

A boot token is of one MAC, one start (`boot_serial`) and one phase; the session of an agent of that
token and the nonce it made; the first-boot secret of one deployment. All are HMAC-SHA256 over the
server's secret, so that a restarted daemon knows them all. Source: contract, netboot, 10.1 to 10.3.
"""

from __future__ import annotations

import hashlib
import hmac
import re

# What an agent may send as its nonce: 128 bits at least, as hex.
NONCE = re.compile(r"[0-9a-f]{32,128}")


class BootTokens:
    """All keys made of one `secret`."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def boot(self, mac: str, boot_serial: int, phase: str) -> str:
        """Return what the kernel command line of this start carries; 64 hex digits."""
        return self._derived("boot", mac, str(boot_serial), phase)

    def session(self, mac: str, boot_serial: int, phase: str, nonce: str) -> str:
        """Return what the agent that said hello with `nonce` shows from then on."""
        return self._derived("session", mac, str(boot_serial), phase, nonce)

    def first_boot(self, mac: str, deployment_id: str) -> str:
        """Return what the installed system of this deployment shows once."""
        return self._derived("first", mac, deployment_id)

    def _derived(self, *parts: str) -> str:
        # No part holds a NUL, so no two lists of parts make one message.
        message = "\0".join(("netboot", *parts)).encode()
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()


def is_same(given: str, expected: str) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())

"""How one daemon asks another: over its own address, sealed with the secret that all of them have.

What is asked is no part of the API: nobody but the daemons can.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import ssl
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

import httpx

from drydockd.auth.secret import derive

log = logging.getLogger(__name__)

WAITS = "/internal/cluster/waits"
HEADER = "X-Drydock-Peer"
SECONDS = 1.0
# A seal is good for so long before and after, by clocks that differ by five seconds at most.
GOOD_SECONDS = 30


class Seal:
    """Proves that a request comes from a daemon of this cluster."""

    def __init__(self, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = derive(secret, "drydockd cluster peer")
        self._clock = clock

    def of(self, target: str) -> str:
        """Return the header for a GET of `target`, the path with its query."""
        return self._at(int(self._clock()), target)

    def is_good(self, target: str, given: str | None) -> bool:
        moment = (given or "").partition(":")[0]
        if not (moment.isascii() and moment.isdecimal() and len(moment) < GOOD_SECONDS):
            return False
        if abs(int(moment) - self._clock()) > GOOD_SECONDS:
            return False
        return hmac.compare_digest(self._at(int(moment), target), given or "")

    def _at(self, moment: int, target: str) -> str:
        text = f"{moment}\nGET {target}".encode()
        return f"{moment}:{hmac.new(self._key, text, hashlib.sha256).hexdigest()}"


class Peers:
    """The client. `certificate`: what other daemons show may be signed by what is in it."""

    def __init__(self, seal: Seal, certificate: Path | None = None) -> None:
        context: ssl.SSLContext | bool = True
        if certificate is not None:
            context = ssl.create_default_context()
            context.load_verify_locations(certificate)
        self._seal = seal
        self._client = httpx.AsyncClient(timeout=SECONDS, verify=context, trust_env=False)

    async def waits(self, address: str, task_id: str | None) -> Mapping[str, str] | None:
        """Return what the daemon at `address` tells that steps wait for; None: it does not."""
        target = WAITS if task_id is None else f"{WAITS}?task={quote(task_id, safe='')}"
        try:
            answer = await self._client.get(
                address + target, headers={HEADER: self._seal.of(target)}
            )
            answer.raise_for_status()
            told: dict[str, str] = answer.json()["waits"]
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError) as error:
            log.warning("%s does not tell what its tasks wait for: %r", address, error)
            return None
        return told

    async def close(self) -> None:
        await self._client.aclose()

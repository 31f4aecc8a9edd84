"""Links that log in once: what `drydock lab` prints."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass, field

from drydockd.web.sessions import ID_BYTES, Clock

SECONDS = 600.0
MOST = 100


@dataclass(frozen=True, slots=True)
class _Offer:
    token: str = field(repr=False)
    until: float


class Links:
    """Codes that stand for a token, each good once and for ten minutes. Event-loop thread only."""

    def __init__(self, clock: Clock = time.monotonic, seconds: float = SECONDS) -> None:
        self._clock = clock
        self._seconds = seconds
        # By digest: looking a code up says nothing about those that exist.
        self._offers: OrderedDict[str, _Offer] = OrderedDict()

    def offer(self, token: str) -> str:
        """Return a new code for `token`."""
        code = secrets.token_urlsafe(ID_BYTES)
        self._offers[_digest(code)] = _Offer(token, self._clock() + self._seconds)
        if len(self._offers) > MOST:
            self._offers.popitem(last=False)
        return code

    def take(self, code: str) -> str | None:
        """Return the token of a code and forget it; None for one that is used, old or unknown."""
        offer = self._offers.pop(_digest(code), None)
        return offer.token if offer is not None and self._clock() < offer.until else None


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode("utf-8", "surrogateescape")).hexdigest()

"""How often a login may fail: of one address, and of one user from wherever."""

from __future__ import annotations

import hashlib
import math
import time

from drydockd.auth.audit import Audit, Event
from drydockd.auth.buckets import Addresses, Bucket, group
from drydockd.errors import TooMany
from drydockd.web.sessions import Clock

# So many failures at once; then one more for each time that passes.
FREE = 10
RECOVER_SECONDS = 30.0
MOST = 10_000


class Attempts:
    """Counts failed logins. Event-loop thread only, in bounded memory.

    An address, and a user, may fail ten times, and once more for each half minute after that. Who
    may not is refused before anybody is asked, so that nobody's account is locked and no password
    is found by trying.
    """

    def __init__(self, audit: Audit | None = None, clock: Clock = time.monotonic) -> None:
        self._audit = audit
        self._clock = clock
        self._addresses: Addresses[Bucket] = Addresses(lambda: Bucket(1 / RECOVER_SECONDS), MOST)
        self._users: Addresses[Bucket] = Addresses(lambda: Bucket(1 / RECOVER_SECONDS), MOST)

    def admit(self, remote: str, user: str = "") -> None:
        """Count a login from `remote`, as `user`, that is about to be tried. Raises TooMany."""
        found = self._of(remote, user)
        for bucket, whose in found:
            over = bucket.fill(self._clock(), 0) - (FREE - 1)
            if over > 0:
                raise self._refused(remote, user, whose, over * RECOVER_SECONDS)
        for bucket, _ in found:
            bucket.fill(self._clock(), 1)

    def passed(self, remote: str, user: str = "") -> None:
        """Take back what `admit` counted: the login was good, or nobody could say."""
        for bucket, _ in self._of(remote, user):
            bucket.level = max(0.0, bucket.level - 1)

    def _refused(self, remote: str, user: str, whose: str, seconds: float) -> TooMany:
        description = f"too many failed logins of this {whose}"
        if self._audit is not None:
            subject = user if whose == "user" else group(remote)
            self._audit.record(
                Event.RATE_LIMIT, subject, remote=remote, description=description, via="web"
            )
        wait = max(1, math.ceil(seconds))
        return TooMany(f"There were {description}: try again in {wait} s", wait)

    def _of(self, remote: str, user: str) -> list[tuple[Bucket, str]]:
        found = [(self._addresses.heard(remote), "address")]
        if user:
            # A digest: a user may be named like an address, and at any length.
            name = hashlib.sha256(user.encode("utf-8", "surrogateescape")).hexdigest()
            found.append((self._users.heard(name), "user"))
        return found

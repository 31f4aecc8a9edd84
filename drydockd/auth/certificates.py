"""When configured certificates end, for metrics and the extended health report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509

WARN_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Expiry:
    """The earliest end among the certificates of one configured file.

    `error` says why there is none (`not_after` None). `name` is the option that names it.
    """

    name: str
    path: Path
    subject: str = ""
    not_after: datetime | None = None
    error: str | None = None

    def seconds_left(self, now: datetime | None = None) -> float | None:
        """Seconds until the end, negative after it, None when unknown."""
        if self.not_after is None:
            return None
        return (self.not_after - (now or datetime.now(UTC))).total_seconds()

    def problem(self, now: datetime | None = None) -> str | None:
        """One line for the health report, None while all is well."""
        if self.error is not None:
            return f"{self.name}: {self.path}: {self.error}"
        left = self.seconds_left(now)
        if left is None or left > WARN_BEFORE.total_seconds():
            return None
        end = self.not_after.isoformat() if self.not_after else ""
        word = "expired" if left <= 0 else "expires"
        return f"{self.name}: {self.path}: {self.subject} {word} {end}"


def read_expiry(name: str, path: Path) -> Expiry:
    """Return when the first certificate of PEM file `path` ends; never raises.

    Reads the file: call it from a thread or at start, reload and on a slow timer.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        return Expiry(name, path, error=f"cannot be read: {error.strerror}")
    return expiry_of(name, path, content)


def expiry_of(name: str, path: Path, content: bytes) -> Expiry:
    """Return the same of PEM text that was read from `path`; never raises."""
    try:
        certificates = x509.load_pem_x509_certificates(content)
    except ValueError:
        return Expiry(name, path, error="holds no PEM certificate")
    first = min(certificates, key=lambda c: c.not_valid_after_utc)
    return Expiry(name, path, first.subject.rfc4514_string(), first.not_valid_after_utc)


def read_expiries(paths: Mapping[str, Path]) -> list[Expiry]:
    """Return `read_expiry` of each option -> file, in order."""
    return [read_expiry(name, path) for name, path in paths.items()]

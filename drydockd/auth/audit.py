"""The security log: one JSON line per event, in the words of OWASP, never with a secret."""

from __future__ import annotations

import hashlib
import json
import logging
import socket
from enum import StrEnum

from drydockd.model import timestamp

FINGERPRINT_CHARS = 12


class Event(StrEnum):
    """Kinds of events. Source: OWASP Application Logging Vocabulary Cheat Sheet."""

    AUTHN_LOGIN_SUCCESS = "authn_login_success"
    AUTHN_LOGIN_FAIL = "authn_login_fail"
    AUTHZ_FAIL = "authz_fail"
    AUTHZ_CHANGE = "authz_change"
    RATE_LIMIT = "excess_rate_limit_exceeded"
    SENSITIVE_CREATE = "sensitive_create"
    SENSITIVE_UPDATE = "sensitive_update"
    SENSITIVE_DELETE = "sensitive_delete"
    STARTUP = "sys_startup"
    SHUTDOWN = "sys_shutdown"


LEVELS = {
    Event.AUTHN_LOGIN_FAIL: logging.WARNING,
    Event.AUTHZ_FAIL: logging.ERROR,
    Event.AUTHZ_CHANGE: logging.WARNING,
    Event.RATE_LIMIT: logging.WARNING,
    Event.SENSITIVE_DELETE: logging.WARNING,
    Event.STARTUP: logging.WARNING,
    Event.SHUTDOWN: logging.WARNING,
}


class Audit:
    """Writes security events to the logger ``drydockd.audit``."""

    def __init__(self, logger: logging.Logger | None = None) -> None:
        self._log = logger or logging.getLogger("drydockd.audit")
        self._host = socket.gethostname()

    def record(
        self,
        event: Event,
        *subjects: str,
        remote: str = "",
        request_id: str = "",
        token: str = "",
        description: str = "",
        **details: str | int | bool,
    ) -> None:
        """Write one line: `event` about `subjects` (a user, a task, a node), as OWASP joins them.

        `token` may be a token or key: only its `fingerprint` is written. Every control
        character and non-ASCII letter is escaped, so a line stays one line.
        """
        level = LEVELS.get(event, logging.INFO)
        if not self._log.isEnabledFor(level):
            return
        line = {
            "datetime": timestamp(),
            "appid": "drydockd",
            "event": f"{event}:{','.join(subjects)}" if subjects else str(event),
            "level": logging.getLevelName(level),
            "description": description,
            "source_ip": remote,
            "hostname": self._host,
            "request_id": request_id,
        }
        if token:
            line["token"] = fingerprint(token)
        self._log.log(level, "%s", json.dumps({**details, **line}))


def fingerprint(token: str) -> str:
    """Return the first 12 hex digits of the token's SHA-256: enough to follow it in the log."""
    digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
    return digest[:FINGERPRINT_CHARS]

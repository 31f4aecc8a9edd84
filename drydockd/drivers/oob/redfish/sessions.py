"""The answer to a login: a session, or why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drydockd.drivers.oob.redfish import faults
from drydockd.drivers.oob.redfish.answers import Answer, path_of, text


@dataclass(frozen=True, slots=True)
class Login:
    """What proves to the BMC who asks; `path` is where the session is deleted."""

    token: str = field(default="", repr=False)
    path: str = ""
    basic: bool = False
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, answer: Answer) -> Login | None:
        """Return the session that an answer brings, if it does. Source: DSP0266, "Sessions"."""
        token = answer.headers.get("x-auth-token")
        if not answer.is_good or not token:
            return None
        path = path_of(answer.headers.get("location")) or path_of(
            text(answer.body.get("@odata.id"))
        )
        return cls(token=token, path=path or "", headers={"X-Auth-Token": token})


@dataclass(frozen=True, slots=True)
class NoSession:
    """`is_account`: the account was judged, so nothing may be tried with it again."""

    text: str
    is_account: bool = False
    is_for_basic: bool = False
    is_limit: bool = False


def logged_in(answer: Answer) -> NoSession | None:
    """Return None for a session, else why there is none."""
    if answer.is_good:
        if Login.of(answer) is not None:
            return None
        return NoSession("it answered a login without a token", is_for_basic=True)
    # Before the account: a full BMC has looked at no password.
    if faults.is_session_limit(answer):
        return NoSession("all its sessions are taken", is_for_basic=True, is_limit=True)
    if faults.is_account_refused(answer) or answer.status == 403:
        return NoSession("the account is refused", is_account=True)
    if faults.has_no_sessions(answer):
        return NoSession("it has no sessions", is_for_basic=True)
    return NoSession("the login failed")

"""What a BMC's refusal means: ids decide against the status. Source: contract, oob-faults, C."""

from __future__ import annotations

import re

from drydockd.drivers.oob.redfish.answers import Answer, Note

# Not now: the machine is in its POST (iLO), the BMC still starts (iDRAC), or says so plainly.
NOT_READY = frozenset(
    {
        "UnableToModifyDuringSystemPOST",
        "InvalidOperationForSystemState",
        "SWC0700",
        "SYS518",
        "SYS446",
        "RAC0508",
        "ServiceTemporarilyUnavailable",
        "ServiceInUnknownState",
        "ServiceShuttingDown",
        "ResourceInUse",
        "ResourceInStandby",
    }
)
SESSION_LIMIT = frozenset(
    {"RAC0218", "SessionLimitExceeded", "CreateLimitReachedForResource", "MaximumNumberOfSessions"}
)
PASSWORD_CHANGE = frozenset({"PasswordChangeRequired"})
# Some BMCs refuse an account with 400.
ACCOUNT = frozenset(
    {
        "UnauthorizedLoginAttempt",
        "ResourceAtUriUnauthorized",
        "AccessDenied",
        "InsufficientPrivilege",
        "LoginFailure",
        "RAC0212",
        "AccountLocked",
    }
)
# The settings of the next start are another resource (AMI).
FUTURE_STATE = frozenset({"OperationSupportedInFutureStateURI"})
WRONG_RESET_TYPE = frozenset(
    {
        "ActionParameterNotSupported",
        "ActionParameterValueNotInList",
        "ActionParameterValueFormatError",
        "ActionParameterValueError",
        "ActionParameterUnknown",
        "PropertyValueNotInList",
    }
)
PRECONDITION = (412, 428)

_SECONDS = re.compile(
    r"(?:retry|again|wait)\D{0,60}?(\d{1,5})\s*(seconds?|s\b|minutes?)", re.IGNORECASE
)


def is_not_ready(answer: Answer) -> bool:
    return not answer.is_good and answer.has(NOT_READY)


def is_away(answer: Answer) -> bool:
    """The BMC is there and cannot answer for now; its document would tell no more."""
    return answer.status in (408, 425, 429) or (answer.status >= 500 and answer.status != 501)


def is_session_limit(answer: Answer) -> bool:
    """No session for us, but nothing against the account."""
    if answer.has(SESSION_LIMIT):
        return True
    if answer.status == 503 and not answer.has(NOT_READY):
        return True
    return answer.status in (400, 403, 409, 429) and any(_tells_limit(n) for n in answer.notes)


def _tells_limit(note: Note) -> bool:
    words = note.text.lower()
    return "session" in words and any(
        w in words for w in ("maximum", "limit", "exceed", "too many")
    )


def has_no_sessions(answer: Answer) -> bool:
    """The service or its session collection is not there."""
    return answer.status in (404, 405, 501)


def is_account_refused(answer: Answer) -> bool:
    return answer.status == 401 or (answer.status in (400, 403) and answer.has(ACCOUNT))


def seconds_told(answer: Answer) -> float | None:
    """How long the BMC wants to be left alone, if it says: by header, argument or text."""
    header = answer.headers.get("retry-after", "").strip()
    if header.isdecimal():
        return float(header[:6])
    for note in answer.notes:
        argument = note.args[0].strip() if note.args else ""
        if note.id == "ServiceTemporarilyUnavailable" and argument.isdecimal():
            return float(argument[:6])
        if match := _SECONDS.search(note.text):
            return float(match[1]) * (60 if match[2].lower().startswith("m") else 1)
    return None

"""What the API document says in words: about the whole, and about what many routes share."""

from __future__ import annotations

import re
from typing import Any

from drydockd.handlers.barrier import HEADER as STALE

LINK = re.compile(r"\[([^]]*)\]\([^)]*\)")
SOURCE = re.compile(r"\s*Source( of the format)?: .*", re.DOTALL)

ABOUT = """\
Turns a site design into running bare-metal machines.

HEAD is answered wherever GET is, OPTIONS everywhere; a slash at the end of a path does not
matter. A method that a path does not have is 405, with `Allow`. Every answer has a request id,
`X-Drydock-Req`; everything refused has the one error body, `Error`.

A key that a body does not have is 400, and so is a query parameter that a route does not have
where an identity is asked: a typo would change what is meant. Answers are described as this
version gives them. A later one may add keys, so readers should ignore those they do not know.

Several daemons may share a database. What any of them acknowledged is in every answer to
people; if the database does not say in time what that is, they get what is known, and `Drydock-
Stale` says since when something may be missing, in seconds. A daemon that has not heard of the
database for too long answers 503. A node is refused (401, 403, 404, 409) for what is certain
only, else with 503.

`x-policy` is the rule of the policy that the caller has to satisfy. Where the daemon listens on
an address for nodes, that address has the routes with a boot key and no other.
"""
TAGS = {
    "tasks": "What is done, by whom, and how far it is.",
    "nodes": "Machines as they are now.",
    "designs": "Designs, judged. None are kept here.",
    "boot actions": "What deploying nodes fetch and report.",
    "service": "The daemon about itself.",
}
# First segment of a path -> its tag; the service otherwise.
TAGGED = {
    "tasks": "tasks",
    "events": "tasks",
    "nodes": "nodes",
    "nodefilter": "nodes",
    "validatedesign": "designs",
    "designs": "designs",
    "bootdata": "boot actions",
    "bootaction": "boot actions",
    "bootactions": "boot actions",
}
TEXT: dict[str, Any] = {"type": "string"}
UUID: dict[str, Any] = {"type": "string", "format": "uuid"}
# Variable of a path -> what it is, its schema.
VARIABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "task_id": ("The id of a task or a subtask; what is none is 404.", UUID),
    "host": ("The name of a node.", {"type": "string", "minLength": 1}),
    "action_id": (
        "The id of a boot action, a ULID.",
        {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]{26}$"},
    ),
    "design_id": ("Anything.", TEXT),
    "kind": ("Anything.", TEXT),
    "name": ("Anything.", TEXT),
}
KEYS = {
    "token": "A token of Keystone, or one of drydockd's own (`drydock token`).",
    "serviceToken": "A service's token, alone or beside its user's, at whose roles rules look.",
    "bootKey": "The key of a node's deployment, or of a boot action: 64 hexadecimal digits.",
}
# Header -> what it is, its schema.
MARKER = ("The caller's own id for what it does, a UUID of version 4; others are ignored.", UUID)
END_USER = ("Whom the caller acts for, as text for the logs.", TEXT)
# Header of an answer -> what it is, whether it is always there, its schema.
HEADERS: dict[str, tuple[str, bool, dict[str, Any]]] = {
    "X-Drydock-Req": ("The id of this request; it is in the log.", True, UUID),
    "Location": ("The path of what was made.", True, {"type": "string", "format": "uri-reference"}),
    "WWW-Authenticate": ("Where to get a token, or which key is asked for.", False, TEXT),
    "Retry-After": ("So many seconds are worth waiting.", False, {"type": "integer", "minimum": 0}),
    STALE: (
        "Where several daemons share a database: what others acknowledged in so many seconds before"
        " may be missing, as the database could not be asked.",
        False,
        {"type": "number", "minimum": 0},
    ),
}
# Status -> the name of the answer, what it means.
REFUSALS = {
    400: (
        "BadRequest",
        "A body, parameter or design cannot be what was meant; the message says where.",
    ),
    401: ("Unauthenticated", "There is no valid identity, or no key; `description` says why."),
    403: ("Forbidden", "The caller, or the key, is known and not allowed to."),
    404: ("NotFound", "What the path names is not there."),
    409: ("Conflict", "It is not in the state this asks for."),
    410: ("Gone", "The original had something here, and drydockd does not."),
    413: ("TooLarge", "The body is longer than this path takes."),
    421: ("Misdirected", "The request is for a host name that is not answered here."),
    429: ("TooMany", "The caller has had its share, or asks too often."),
    431: ("HeadersTooLarge", "The headers are longer than is taken."),
    500: (
        "InternalError",
        "Not the caller's fault; the log has the cause under the request id.",
    ),
    503: (
        "Unavailable",
        "Not now: the daemon is busy or stopping, or what it needs does not answer.",
    ),
}

# Status -> the message of its example, where the name does not say it.
EXAMPLES = {
    400: "'dryrun': unknown key, did you mean dry_run? "
    "(known: action, design_ref, node_filter, all_nodes, dry_run)",
    404: "Task 6f0c1d5e-3b0a-4f3e-9d39-0c3a1c7d2b11 does not exist",
    409: "Task 6f0c1d5e-3b0a-4f3e-9d39-0c3a1c7d2b11 has ended",
    410: "Designs are not stored here; name their place as design_ref",
    413: "The body is longer than the 65536 bytes this path takes",
    421: "The request is for another host",
    429: "Too many tokens of this address were wrong; try again later",
    431: "The headers are longer than 16384 bytes",
    500: "Unknown error",
    503: "The daemon is about to stop",
}


def info(version: str) -> dict[str, Any]:
    """Return what the document says about itself."""
    return {
        "title": "drydockd",
        "version": version,
        "summary": "Bare-metal provisioning",
        "description": ABOUT,
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    }


def tag(pattern: str) -> str:
    """Return the tag of a route."""
    first = pattern.removeprefix("/api/v1.0").strip("/").split("/")[0]
    return TAGGED.get(first, "service")


def plain(markdown: str) -> str:
    """Return a line of Markdown without its links: where it is read, their pages are not."""
    return LINK.sub(r"\1", markdown)


def of_model(docstring: str) -> str:
    """Return what a model's docstring says to those who have no checkout, as Markdown."""
    return SOURCE.sub("", docstring.replace("``", "`")).strip()


def example(status: int) -> dict[str, Any]:
    """Return a body of a refusal, as it looks."""
    message = EXAMPLES.get(status) or REFUSALS[status][0]
    return {"type": "error", "message": message, "retry": status in (429, 503)}

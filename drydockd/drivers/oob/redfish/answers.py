"""What comes back from a BMC: status, headers, a document and its messages; all of it doubtful."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

LONGEST_TEXT = 300
MOST_NOTES = 20


@dataclass(frozen=True, slots=True)
class Note:
    """One message of an answer; `id` without its registry: ``PSU501`` of ``IDRAC.2.4.PSU501``."""

    id: str
    text: str = ""
    args: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.id} ({self.text})" if self.text else self.id


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` is empty unless the BMC sent a JSON object; `seconds`: how long it took."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    is_object: bool = False
    seconds: float = 0.0
    tls: ssl.SSLObject | None = None

    @property
    def is_good(self) -> bool:
        return 200 <= self.status < 300

    def has(self, ids: frozenset[str]) -> bool:
        return any(note.id in ids for note in self.notes)

    def __str__(self) -> str:
        """Status, MessageId and Message; never the body."""
        note = next((n for n in self.notes if n.id != "GeneralError"), None) or next(
            iter(self.notes), None
        )
        return f"HTTP {self.status}" if note is None else f"HTTP {self.status} {note}"


def parse(raw: bytes) -> tuple[Mapping[str, object], bool]:
    """Return the JSON object of a body, and whether there is one."""
    try:
        body = orjson.loads(raw) if raw else None
    except orjson.JSONDecodeError:
        body = None
    return (body, True) if isinstance(body, dict) else ({}, False)


class Mask:
    """Hides what a BMC repeats of the login it was given."""

    def __init__(self, account: str = "", *secrets: str) -> None:
        # A whole word only: else "admin" would hide half of "Administrator".
        self._account = re.compile(rf"(?<!\w){re.escape(account)}(?!\w)") if account else None
        self._secrets = [secret for secret in secrets if secret]

    def add(self, secret: str) -> None:
        if secret:
            self._secrets.append(secret)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "****")
        return self._account.sub("****", text) if self._account else text


def notes_of(body: Mapping[str, object], mask: Mask) -> tuple[Note, ...]:
    """Return the messages of a body, also those of BMCs that put them in the wrong place.

    Source: DSP0266, "Error responses".
    """
    error = mapping(body.get("error"))
    found: list[Note] = []
    for place in (error, body):
        listed = place.get("@Message.ExtendedInfo")
        found += [_note(row, mask) for row in rows([listed] if mapping(listed) else listed)]
    if code := text(error.get("code")):
        found.append(Note(_short(code, mask), _clean(text(error.get("message")) or "", mask)))
    return tuple(note for note in found[:MOST_NOTES] if note.id)


def _note(row: Mapping[str, object], mask: Mask) -> Note:
    args = row.get("MessageArgs")
    return Note(
        _short(text(row.get("MessageId")) or "", mask),
        _clean(text(row.get("Message")) or "", mask),
        tuple(mask(str(arg))[:80] for arg in args) if isinstance(args, list) else (),
    )


def _short(message_id: str, mask: Mask) -> str:
    """The registry before it carries a version, so only the last word tells."""
    return re.sub(r"[^\w*-]", "", mask(message_id).rpartition(".")[2])[:80]


def _clean(message: str, mask: Mask) -> str:
    message = mask(message)
    line = " ".join("".join(c if c.isprintable() else " " for c in message).split()).rstrip(".")
    return line if len(line) <= LONGEST_TEXT else f"{line[:LONGEST_TEXT]}..."


def text(value: object) -> str | None:
    """A text that says something, else None."""
    return (value.strip() or None) if isinstance(value, str) else None


def mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def rows(value: object) -> Iterator[Mapping[str, object]]:
    """The objects of a list."""
    return (row for row in value if isinstance(row, dict)) if isinstance(value, list) else iter(())


def texts(value: object) -> tuple[str, ...]:
    return tuple(t for v in value if (t := text(v))) if isinstance(value, list) else ()


def link(value: object) -> str | None:
    """The path in ``{"@odata.id": path}``."""
    return path_of(text(mapping(value).get("@odata.id")))


def links(value: object) -> tuple[str, ...]:
    """The paths of a list of links, such as the members of a collection."""
    return tuple(path for row in rows(value) if (path := link(row)))


def path_of(url: str | None) -> str | None:
    """The path of a URL: whatever host a BMC names, it is itself that is asked."""
    if url is None:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if not parts.path.startswith("/") or any(c <= " " for c in url):
        return None
    return f"{parts.path}?{parts.query}" if parts.query else parts.path

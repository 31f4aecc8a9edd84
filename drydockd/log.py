"""Log lines: ids of request, task and node in each of them, and no secret in any."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO
from urllib.parse import quote, quote_plus

# In the order in which they stand in a text line.
IDS = ("request_id", "user", "marker", "end_user", "task", "node")

_ids: ContextVar[Mapping[str, str]] = ContextVar("log_ids", default={})  # noqa: B039 (never written to)

# A safety net below the rule that secrets are not logged at all. Each pattern finds a name and
# the value behind it; only the value is masked, a quoted one to its closing quote.
#
# A path or an option also begins our own sentences ("/state/secret: belongs to uid 7"): behind
# "/" or "." a name with a colon and several words is no assignment. tests/test_log.py holds the
# texts of the program against it.
SENTENCE = r"""[ ]+(?:[A-Za-z_`'*.:-]+|/[\w./-]+:)[ ]+\S"""
# With k backslashes before the opening quote (0, 1, 3: JSON in JSON), a quote of the value has
# 2k + 1 and a backslash of it is 2k + 2 of them: neither ends the value.
QUOTED = (
    r"""(?P<open>(?P<escape>\\*)["'])"""
    r"""(?:(?:(?P=escape)\\){2}|(?P=escape)\\(?P=open)|(?!(?P=open)).)*+"""
)
VALUE = rf"""(?:{QUOTED}|[^\s'",;)}}\]&]+)"""
ASSIGNS = r"""\\*['"]?\s*[:=]\s*"""


def _named(names: str, *, skipped: str = "") -> re.Pattern[str]:
    """Match what `names` are said to be, behind `skipped`."""
    begin = rf"(?:(?<![/.])|(?!(?:{names}):{SENTENCE}))"
    text = rf"(?P<name>{begin}(?:{names}){ASSIGNS}{skipped}){VALUE}"
    return re.compile(text, re.IGNORECASE | re.DOTALL)


SENSITIVE = _named(
    "X-Auth-Token|X-Service-Token|X-Subject-Token|X-Bootaction-Key|Authorization",
    skipped=r"(?:(?:Bearer|Basic|OAuth)\s+)?",
)
ASSIGNED = _named("password|passwd|secret|api_key|action_key|credential")
# Shorter ones are fingerprints, which the audit log is there to show.
TOKEN = re.compile(r"(token\\*['\"]?\s*[:=]\s*\\*['\"]?)[^\s'\",;)}\]&\\]{16,}", re.IGNORECASE)
# To the last @ of the authority: a password may have one itself.
URI_PASSWORD = re.compile(r"(://[^/\s:@]*:)[^/\s]+@")
# Tried once per run of such characters, and without a way back: a text of eyJ-eyJ-... took the
# square of its length.
JWT = re.compile(r"(?<![\w-])(?=[\w-]++\.[\w-]{4,}+\.)([\w-]*?)\beyJ[\w-]{8,}+\.[\w-]++\.[\w-]*+")
BOOT_KEY = re.compile(r"(?<![0-9a-fA-F])[0-9a-fA-F]{64}(?![0-9a-fA-F])")
# One of these stands, case folded, in every text that a pattern above could match: most lines
# have none. One search for all of them together takes eight times as long.
HINTS = (
    "x-", "authorization", "passw", "secret", "api_key", "action_key", "token", "credential",
    "://", "eyj",
)  # fmt: skip
PRIORITIES = (
    (logging.CRITICAL, 2),
    (logging.ERROR, 3),
    (logging.WARNING, 4),
    (logging.INFO, 6),
)
HEX_KEY = re.compile("[0-9a-f]{64}")


@contextmanager
def bind(**ids: str) -> Iterator[None]:
    """Put `ids` (names of IDS) into every line logged inside, also by tasks started there."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def bind_here(**ids: str) -> None:
    """Like `bind`, until the current asyncio task or context ends."""
    _ids.set({**_ids.get(), **ids})


def bound() -> Mapping[str, str]:
    return _ids.get()


class Redaction:
    """Masks what looks like a secret, and the registered secrets wherever they stand."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        for secret in secrets:
            self.register(secret)

    def register(self, secret: str) -> None:
        """Mask `secret` from now on, also as JSON, Python and URIs write it.

        Shorter than four characters it would mask half the log.
        """
        if len(secret) < 4:
            return
        written = (
            secret,
            json.dumps(secret)[1:-1],
            json.dumps(secret, ensure_ascii=False)[1:-1],
            repr(secret)[1:-1],
            secret.encode("unicode_escape").decode("ascii"),
            quote(secret, safe="", errors="replace"),
            quote(secret, errors="replace"),
            quote_plus(secret, errors="replace"),
        )
        # The longest first: one may be the beginning of another.
        found = {*self._secrets, *written}
        self._secrets = sorted(found, key=lambda text: (-len(text), text))

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            if secret in text:
                text = text.replace(secret, "****")
        folded = text.casefold()
        if not any(hint in folded for hint in HINTS) and HEX_KEY.search(folded) is None:
            return text
        text = SENSITIVE.sub(_masked, text)
        text = ASSIGNED.sub(_masked, text)
        text = TOKEN.sub(r"\1****", text)
        text = URI_PASSWORD.sub(r"\1****@", text)
        text = JWT.sub(r"\1****", text)
        return BOOT_KEY.sub("****", text)


def _masked(found: re.Match[str]) -> str:
    return f"{found['name']}{found['open'] or ''}****"


class Names:
    """The logger names of the configuration for those of the modules, longest prefix first."""

    def __init__(self, table: Mapping[str, str]) -> None:
        self._table = sorted(table.items(), key=lambda item: -len(item[0]))
        self._known: dict[str, str] = {}

    def __call__(self, name: str) -> str:
        if (known := self._known.get(name)) is None:
            known = self._known[name] = self._find(name)
        return known

    def _find(self, name: str) -> str:
        for prefix, shown in self._table:
            if name == prefix or name.startswith(f"{prefix}."):
                return shown + name[len(prefix) :]
        return name


class Line(logging.Formatter):
    """One event as one line; subclasses give its shape.

    `for_journal`: each line begins with its priority, and has no time of its own in a text.
    """

    def __init__(self, redaction: Redaction, names: Names, *, for_journal: bool = False) -> None:
        super().__init__()
        self.redaction = redaction
        self.names = names
        self.for_journal = for_journal

    def format(self, record: logging.LogRecord) -> str:
        shaped = self.shaped(record)
        if not self.for_journal:
            return shaped
        # Every line is an entry of its own there, those of a traceback too.
        mark = priority(record.levelno)
        return "\n".join([mark + line for line in shaped.split("\n")])

    def shaped(self, record: logging.LogRecord) -> str:
        raise NotImplementedError

    def text_of(self, record: logging.LogRecord) -> str:
        text = record.getMessage()
        if record.exc_info:
            return f"{text}\n{self.formatException(record.exc_info)}"
        return text


def priority(level: int) -> str:
    """Return what tells the journal how grave a line is. Source: sd-daemon(3), syslog(3)."""
    for least, number in PRIORITIES:
        if level >= least:
            return f"<{number}>"
    return "<7>"


_second: tuple[int, str] = (0, "")


def _when(record: logging.LogRecord) -> str:
    """Return the record's time; the part down to the second is worked out once a second."""
    global _second
    second = int(record.created)
    if second != _second[0]:
        _second = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    return f"{_second[1]}.{int((record.created - second) * 1e6):06d}+00:00"


def _ids_of(record: logging.LogRecord) -> Mapping[str, str]:
    own = record.__dict__.get("ids")
    return {**_ids.get(), **own} if own else _ids.get()


class TextLine(Line):
    """``<time> <LEVEL> <logger> [id=value ...] <message>``."""

    def shaped(self, record: logging.LogRecord) -> str:
        ids = _ids_of(record)
        shown = " ".join([f"{name}={ids[name]}" for name in IDS if ids.get(name)])
        text = self.text_of(record)
        if record.exc_info is None:
            text = _one_line(text)
        if shown:
            text = f"[{_one_line(shown)}] {text}"
        name = self.names(record.name)
        when = "" if self.for_journal else f"{_when(record)} "
        return f"{when}{record.levelname} {name} {self.redaction(text)}"


class JsonLine(Line):
    """One JSON object a line: ts, level, logger, message, the ids, and the fields given."""

    def shaped(self, record: logging.LogRecord) -> str:
        ids = _ids_of(record)
        event: dict[str, object] = {
            "ts": _when(record),
            "level": record.levelname,
            "logger": self.names(record.name),
            "message": self.redaction(self.text_of(record)),
            **{name: self.redaction(ids[name]) for name in IDS if ids.get(name)},
            **{
                name: self.redaction(value) if isinstance(value, str) else value
                for name, value in record.__dict__.get("fields", {}).items()
            },
        }
        return json.dumps(event, default=str, ensure_ascii=False)


def _one_line(text: str) -> str:
    """Escape line ends and controls: a client must not write log lines of its own."""
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")


def set_up(
    *,
    level: str = "INFO",
    style: str = "text",
    names: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
    for_journal: bool = False,
) -> Redaction:
    """Send everything to `stream` (default: stderr) in the given shape; safe to call again.

    `for_journal`: the stream ends in the journal, which reads a priority before each line.

    Returns the redaction, to register secrets that are made or read later.
    """
    # Nothing here shows them, and each costs every line (logging, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    redaction = Redaction(secrets)
    line = (JsonLine if style == "json" else TextLine)(
        redaction, Names(names or {}), for_journal=for_journal
    )
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(line)
    root = logging.getLogger()
    for old in root.handlers[:]:
        if getattr(old, "of_drydockd", False):
            root.removeHandler(old)
    handler.of_drydockd = True  # type: ignore[attr-defined]
    root.addHandler(handler)
    set_level(level)
    return redaction


def set_level(level: str) -> None:
    """Change the level of our loggers; libraries speak from WARNING on, INFO at DEBUG."""
    logging.getLogger().setLevel(logging.INFO if level == "DEBUG" else logging.WARNING)
    logging.getLogger("drydockd").setLevel(level)

"""The database's URL: several hosts or one, shown without what is secret in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from drydockd.errors import InvalidInput

FORM = "postgresql://USER:PASSWORD@HOST:PORT,HOST:PORT/DATABASE"
# What SQLAlchemy names behind the scheme: postgresql+psycopg2.
_SCHEME = re.compile(r"^(?:postgresql|postgres)(?:\+\w+)?://")
_HOST = re.compile(r"(?:\[[0-9A-Fa-f:.%\w]+\]|[^\[\]:@\s]*)(?::\d*)?")
# What of a URL's query may be shown.
_SHOWN = frozenset({"host", "port", "dbname", "sslmode", "sslrootcert", "target_session_attrs"})
_SECRET = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Address:
    """The parts of a URL as they are written: quoted, and several hosts with commas."""

    user: str
    password: str
    hosts: str
    database: str
    query: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        """Without its password, fit to be printed."""
        user = f"{self.user}@" if self.user else ""
        shown = urlencode([(k, v) for k, v in self.query if k in _SHOWN], safe="/:")
        query = f"?{shown}" if shown else ""
        return f"postgresql://{user}{self.hosts}/{self.database}{query}"

    @property
    def name(self) -> str:
        """Of the database."""
        queried = dict(self.query).get("dbname", "")
        return queried or unquote(self.database) or unquote(self.user)

    def secrets(self) -> set[str]:
        """What must not be shown, in each way it may be spelt."""
        found = {self.password, *(value for key, value in self.query if key in _SECRET)}
        return {spelt for secret in found if secret for spelt in _spellings(secret)}


def _spellings(secret: str) -> tuple[str, ...]:
    return secret, unquote(secret), quote(secret, safe="")


def parse(url: str) -> Address:
    """Return the parts of `url`. Raises InvalidInput, which repeats nothing of it."""
    if not _SCHEME.match(url):
        raise InvalidInput(f"the database's URL must be {FORM}")
    found = _parsed(url)
    if found is None:
        raise InvalidInput(
            f"the database's URL must be {FORM}; in user and password, each of / : @ ? # % is "
            "written as %2F %3A %40 %3F %23 %25"
        )
    return found


def _parsed(url: str) -> Address | None:
    """None where what is a password may stand in the place of something else."""
    try:
        parts = urlsplit(url)
        query = tuple(parse_qsl(parts.query))
    except ValueError:
        return None
    account, _, hosts = parts.netloc.rpartition("@")
    user, _, password = account.partition(":")
    if "@" in account + parts.path + parts.query or parts.fragment:
        return None
    if not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        return None
    return Address(user, password, hosts, parts.path.removeprefix("/"), query)


def dsn(url: str) -> str:
    """Return `url` as libraries take it. Raises InvalidInput."""
    parse(url)
    return _SCHEME.sub("postgresql://", url)


def shown_url(url: str) -> str:
    """Return `url` without its password, fit to be printed; of one that is none, nothing."""
    found = _parsed(url) if _SCHEME.match(url) else None
    return "(a URL that cannot be read)" if found is None else str(found)


def place(url: str) -> str:
    """Return where the database is, hosts and name, without who asks and how."""
    found = _parsed(url) if _SCHEME.match(url) else None
    if found is None:
        return "(a URL that cannot be read)"
    return f"{found.hosts or dict(found.query).get('host', '')}/{found.database}"


def without_secrets(text: str, url: str) -> str:
    """Return what was said about a connection, fit to be printed."""
    found = _parsed(url) if _SCHEME.match(url) else None
    if found is None:
        return "cannot be read"
    for secret in sorted(found.secrets(), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text

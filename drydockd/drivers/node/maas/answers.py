"""What an answer of MAAS means: a document, or an error that says whether to try again.

The body of a 401 has the token's secret in it and is never looked at. Source: contract, maas,
section 1, and maas-facts, section 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx
import orjson

from drydockd.errors import (
    DriverConflict,
    DriverError,
    DriverPersistent,
    DriverTransient,
    DriverUnsupported,
)

# Answers of MAAS, or of a proxy before it, that are worth another try.
BUSY = frozenset({429, 500, 502, 503, 504})
# Those of them that say that nothing was begun, so that a second try is none too many.
NOT_BEGUN = frozenset({429})
_MOST_CHARS = 400
_TITLE = re.compile(r"<title>\s*(.*?)\s*</title>", re.IGNORECASE | re.DOTALL)
_KEY_NAME = "Invalid character in key name"


class Refused(DriverPersistent):
    """A 400; `fields` are the form's fields and what MAAS has against each."""

    def __init__(self, message: str, fields: Mapping[str, tuple[str, ...]]) -> None:
        super().__init__(message)
        self.fields = fields

    def is_about(self, *words: str) -> bool:
        """Whether one of what MAAS has against the form has all these words."""
        said = [text.lower() for texts in self.fields.values() for text in texts]
        return any(all(word.lower() in text for word in words) for text in said)


class Missing(DriverConflict):
    """A 404: what the path names is not there."""


class Taken(DriverConflict):
    """A 409: the state of what the path names does not allow it."""


class Unsure(DriverTransient):
    """A call that must not be repeated blindly may have been done: read the state again."""


def document(response: httpx.Response, what: str) -> Any:
    """Return the JSON of a success. Raises DriverPersistent: not MAAS who answers there."""
    if not response.content:
        return None
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError:
        # Some acts answer with a word: ``OK``.
        if response.headers.get("content-type", "").startswith("text/plain"):
            return response.text
        raise DriverPersistent(
            f"MAAS: {what}: the answer is no JSON; does maas_api_url lead to MAAS itself?"
        ) from None


def error(response: httpx.Response, what: str) -> DriverError:
    """Return the error that an answer of 300 and above means; `what` says what was asked."""
    status = response.status_code
    said = f"MAAS: {what}: {status} {_phrase(status)}"
    if status == 401:
        return DriverPersistent(
            f"{said}: the API key is refused; is maas_api_key right, and the clock of this host?"
        )
    if status < 400:
        return DriverPersistent(f"{said}: it leads elsewhere; correct maas_api_url")
    text = _text(response)
    if _KEY_NAME in text:
        return DriverUnsupported(f"{said}: {text}: a key may have letters, digits and _ . - only")
    said = f"{said}: {text}" if text else said
    if status == 400:
        return Refused(said, _fields(response))
    if status == 403:
        return DriverPersistent(f"{said}; the user of the API key needs this permission")
    if status == 404:
        return Missing(said)
    if status == 409:
        return Taken(said)
    if status in BUSY or status > 500:
        return DriverTransient(said)
    return DriverPersistent(said)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _fields(response: httpx.Response) -> dict[str, tuple[str, ...]]:
    try:
        told = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        told = response.text
    if not isinstance(told, dict):
        return {"": (str(told),)}
    return {
        str(name): tuple(map(str, texts)) if isinstance(texts, list) else (str(texts),)
        for name, texts in told.items()
    }


def _text(response: httpx.Response) -> str:
    """What the body says, on one line; every field of a form's refusal."""
    if response.status_code == 400:
        told = [
            f"{name}: {' '.join(texts)}" if name else " ".join(texts)
            for name, texts in _fields(response).items()
        ]
        # All of it: one field is often refused because of another.
        return " ".join("; ".join(told).split())
    text = response.text
    if (title := _TITLE.search(text)) is not None:
        text = title[1]
    elif "<html" in text.lower():
        text = ""
    return " ".join(text.strip('"').split())[:_MOST_CHARS]

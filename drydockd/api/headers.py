"""Text in HTTP headers: what may stand in one, and how names of people get there and back.

A header's value is visible ASCII and blanks (RFC 9110, 5.5). For `X-End-User`, which is ours, and
so for every header that carries free text, other letters and the percent sign are
percent-encoded UTF-8 (RFC 3986), as in RFC 8187's ``ext-value`` without its charset. Values of
plain ASCII look as they always did.
"""

from __future__ import annotations

import re
from urllib.parse import quote, unquote_to_bytes

# Everything that is printed in ASCII stands for itself, but for the percent sign.
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
# What a URI is made of, an escape's percent sign included (RFC 3986, 2).
URI = "!#$%&'()*+,/:;=?@[]-._~"
ESCAPED = re.compile("(?:%[0-9A-Fa-f]{2})+")


def encoded(text: str) -> str:
    """Return free text as the value of a header; controls become blanks.

    `decoded` gives it back. Text that is no Unicode (a lone surrogate) loses what is not.
    """
    return quote(clean(text), safe=PLAIN, errors="replace")


def decoded(value: str) -> str:
    """Return the text of a header's value as Tornado and WSGI give it, a character for each byte.

    Understood are UTF-8, raw or percent-encoded, and otherwise ISO 8859-1. A percent sign that
    begins no UTF-8 stands for itself. Controls become blanks, so that no line of a log and no
    header can be broken by it.
    """
    try:
        text = value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        text = value
    return clean(ESCAPED.sub(_unescaped, text))


def _unescaped(found: re.Match[str]) -> str:
    try:
        return unquote_to_bytes(found[0]).decode("utf-8")
    except UnicodeDecodeError:
        return found[0]


def clean(text: str) -> str:
    """Return `text` on one line: what is not printed (controls, line separators) is a blank.

    Blanks around it go: a header would lose them anyway.
    """
    if text.isprintable():
        return text.strip()
    return "".join(c if c.isprintable() else " " for c in text).strip()


def is_plain(value: str) -> bool:
    """Whether `value` may be sent as it is: visible ASCII, with blanks inside."""
    return value.isascii() and value.isprintable()


def quoted(uri: str) -> str:
    """Return a URI for a header's quoted string: what a URI cannot hold is percent-encoded."""
    return quote(uri, safe=URI, errors="replace")

"""Regular expressions that a caller gives: read by RE2, which takes linear time for any of them.

Python's own engine tries every way through `.*.*.*x`; it is for expressions of ours only.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import re2  # type: ignore[import-untyped]

from drydockd.errors import InvalidInput

MOST_CHARS = 256
_MOST_BYTES = 1 << 20  # of memory, for one expression; 256 characters can ask for much more


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Return what says whether a text begins with a match of `pattern`.

    Raises InvalidInput with the reason for a pattern that is too long, needs too much, or is
    none to RE2: what cannot be linear (look-around, back-references) is unknown to it.
    """
    if len(pattern) > MOST_CHARS:
        raise InvalidInput(f"{len(pattern)} characters, more than {MOST_CHARS}")
    options = re2.Options()
    options.max_mem = _MOST_BYTES
    options.log_errors = False
    options.never_capture = True
    try:
        match = re2.compile(pattern, options).match
    except UnicodeEncodeError:
        raise InvalidInput("a half of a surrogate pair is no text") from None
    except re2.error as error:
        raise InvalidInput(_words(error)) from None
    return lambda text: match(text) is not None


def _words(error: Exception) -> str:
    """RE2 tells its own words as bytes."""
    words = error.args[0] if error.args else ""
    return words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)

"""The findings of reading and compiling: DD000 and DD001.

Source: contract, design, section 2.4; validation, section 4.
"""

from __future__ import annotations

from drydockd.model import timestamp
from drydockd.site import DocumentRef, Finding, Level

GUIDE = "see {code} in the troubleshooting guide"


def trouble(
    message: str, *documents: DocumentRef, line: int = 0, right: str = "", warning: bool = False
) -> Finding:
    """Return a DD000 finding; `right` says what would be right."""
    return _finding("DD000", message, documents, line, right, warning)


def violation(
    kind: str, path: str, expectation: str, ref: DocumentRef, line: int, right: str
) -> Finding:
    """Return a DD001 finding: `kind` is ``<Kind>:<version>``."""
    at = f" at {path}" if path else ""
    message = f"{kind} schema violation{at}: {expectation}"
    return _finding("DD001", message, (ref,), line, right, False)


def _finding(
    code: str,
    message: str,
    documents: tuple[DocumentRef, ...],
    line: int,
    right: str,
    warning: bool,
) -> Finding:
    where = f" (line {line})" if line and f"line {line}" not in message else ""
    guide = GUIDE.format(code=code)
    return Finding(
        code=code,
        level=Level.WARNING if warning else Level.ERROR,
        message=f"{message}{where}.",
        diagnostic=f"{right} {guide[0].upper()}{guide[1:]}.".strip(),
        documents=documents,
        ts=timestamp(),
        line=line,
    )

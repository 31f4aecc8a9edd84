"""When two causes are one: what belongs to a node, a time, a task or an address does not count."""

from __future__ import annotations

import re

OWN = re.compile(
    r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)?"
    r"|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    r"|(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?![\w.])"
)


def of_any_node(cause: str, host: str) -> str:
    """Return the cause without what belongs to this node alone; no name: of no node."""
    if host:
        cause = re.sub(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", "*", cause)
    return OWN.sub("*", cause)

"""A node's fully qualified name must be one that DNS can hold."""

from __future__ import annotations

import re
from collections.abc import Iterator

from drydockd.design.rules import Verdict, error
from drydockd.site import Node, Site

ORDER, CODE, NAME = 140, "DD3003", "Hostname Validity"

# RFC 1123, section 2.1, and RFC 1035, section 2.3.4.
LONGEST = 253
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_is_label = re.compile(_LABEL).fullmatch
_is_name = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch


def check(site: Site) -> Iterator[Verdict]:
    for node in site.nodes.values():
        fqdn = site.fqdn_of(node).removesuffix(".")
        if len(fqdn) > LONGEST or not _is_name(fqdn):
            yield from _judge(fqdn, node)


def _judge(fqdn: str, node: Node) -> Iterator[Verdict]:
    if len(fqdn) > LONGEST:
        yield error(
            f"{fqdn} has {len(fqdn)} characters, more than {LONGEST}.",
            "Shorten the node's name or the dns.domain of its primary network.",
            node.ref,
        )
    for label in fqdn.split("."):
        if not _is_label(label):
            yield error(
                f"label {label!r} of {fqdn} is not a host name label.",
                "A label has 1 to 63 letters, digits and hyphens, and no hyphen at either end.",
                node.ref,
            )

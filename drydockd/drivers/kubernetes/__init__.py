"""Kubernetes drivers, and the syntax of labels that all of them share."""

from __future__ import annotations

import re
from collections.abc import Mapping

from drydockd.errors import DriverUnsupported

NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_MAX, PREFIX_MAX = 63, 253


def check_labels(labels: Mapping[str, str]) -> None:
    """Raises DriverUnsupported that names every label the Kubernetes API would refuse.

    Source: contract, kubernetes, section 3; Kubernetes, "Labels and Selectors", syntax.
    """
    wrong = [text for key, value in labels.items() for text in _faults(key, value)]
    if wrong:
        raise DriverUnsupported("; ".join(wrong))


def _faults(key: str, value: object) -> list[str]:
    found = []
    prefix, slash, name = key.rpartition("/")
    if slash and (len(prefix) > PREFIX_MAX or not PREFIX.fullmatch(prefix)):
        found.append(f"label {key!r}: the part before the slash must be a DNS name")
    if len(name) > NAME_MAX or not NAME.fullmatch(name):
        found.append(
            f"label {key!r}: a name is at most {NAME_MAX} letters, digits, '-', '_' and '.', "
            "with a letter or digit at both ends"
        )
    if not isinstance(value, str) or len(value) > NAME_MAX or (value and not NAME.fullmatch(value)):
        found.append(
            f"label {key!r}: value {value!r} must be empty or at most {NAME_MAX} letters, digits, "
            "'-', '_' and '.', with a letter or digit at both ends"
        )
    return found

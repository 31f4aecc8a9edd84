"""The syntax of labels, the same for every Kubernetes driver."""

from __future__ import annotations

import re
from collections.abc import Mapping

NAME = re.compile(r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?")
PREFIX = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
NAME_MAX, PREFIX_MAX = 63, 253
# What kubelets and cloud controllers say of a node; wrong or missing, pods land on wrong nodes.
RESERVED = ("kubernetes.io/hostname", "kubernetes.io/os", "kubernetes.io/arch",
            "node.kubernetes.io/instance-type")  # fmt: skip
RESERVED_PREFIXES = ("topology.kubernetes.io/", "beta.kubernetes.io/")


def is_reserved(key: str) -> bool:
    """Whether Kubernetes itself keeps this label: set only if a design names it, never removed.

    Source: Kubernetes, "Well-Known Labels, Annotations and Taints".
    """
    return key in RESERVED or key.startswith(RESERVED_PREFIXES)


def label_faults(labels: Mapping[str, str]) -> list[str]:
    """Return what the Kubernetes API would refuse, a line for each wrong key and value.

    Asked before a driver is called. Source: contract, kubernetes, section 3; Kubernetes, "Labels
    and Selectors", syntax.
    """
    return [text for key, value in labels.items() for text in _faults(key, value)]


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

"""Which labels of a node are ours: what one merge patch has to change, and what it leaves.

The keys that drydockd set are remembered in an annotation of the node; only those are removed
again. Source: contract, kubernetes-facts, section 2; RFC 7396 (null removes).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from drydockd.drivers.kubernetes.labels import is_reserved
from drydockd.errors import DriverUnsupported

ANNOTATION = "drydockd.io/labels"
# Of all annotations of an object together. Source: apimachinery, TotalAnnotationSizeLimitB.
ANNOTATION_BYTES = 256 << 10


def patch_of(metadata: Mapping[str, Any], wanted: Mapping[str, str]) -> dict[str, Any] | None:
    """Return the merge patch that gives a node `wanted`, None if it has them and says so.

    `metadata` is that of the Node; its resourceVersion goes along, so that a node changed
    meanwhile is a conflict. Foreign labels stay. Raises DriverUnsupported: no room for the
    annotation.
    """
    labels, annotations = _texts(metadata, "labels"), _texts(metadata, "annotations")
    # One that Kubernetes itself keeps is set when a design names it, and then left.
    gone = {key for key in owned(annotations) if key not in wanted and not is_reserved(key)}
    changes: dict[str, str | None] = {
        key: value for key, value in sorted(wanted.items()) if labels.get(key) != value
    }
    changes |= dict.fromkeys(sorted(gone & labels.keys()))
    noted = json.dumps(sorted(wanted))
    if not changes and annotations.get(ANNOTATION, "[]") == noted:
        return None
    _check_room(annotations | {ANNOTATION: noted})
    patch: dict[str, Any] = {"annotations": {ANNOTATION: noted}}
    if changes:
        patch["labels"] = changes
    if version := metadata.get("resourceVersion"):
        patch["resourceVersion"] = version
    return {"metadata": patch}


def owned(annotations: Mapping[str, str]) -> frozenset[str]:
    """Return the keys that the annotation says are ours; none where it is no list of them."""
    try:
        keys = json.loads(annotations.get(ANNOTATION, "[]"))
    except ValueError:
        return frozenset()
    if not isinstance(keys, list):
        return frozenset()
    return frozenset(key for key in keys if isinstance(key, str))


def _texts(metadata: Mapping[str, Any], name: str) -> dict[str, str]:
    found = metadata.get(name)
    return dict(found) if isinstance(found, dict) else {}


def _check_room(annotations: Mapping[str, str]) -> None:
    size = sum(len(k.encode()) + len(v.encode()) for k, v in annotations.items())
    if size > ANNOTATION_BYTES:
        raise DriverUnsupported(
            f"the node's annotations would take {size} bytes with {ANNOTATION}, and Kubernetes "
            f"takes {ANNOTATION_BYTES}; use fewer owner data, or remove annotations of others"
        )

"""Plans of the core as JSON documents, and back: what is applied must outlive a restart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter

from drydockd.plans import NetworkPlan, PlatformPlan, StoragePlan

_network = TypeAdapter(NetworkPlan)
_storage = TypeAdapter(StoragePlan)
_platform = TypeAdapter(PlatformPlan)


def document_of(plan: NetworkPlan | StoragePlan | PlatformPlan) -> dict[str, Any]:
    return asdict(plan)


def network_of(document: Mapping[str, Any]) -> NetworkPlan:
    return _network.validate_python(document)


def storage_of(document: Mapping[str, Any]) -> StoragePlan:
    return _storage.validate_python(document)


def platform_of(document: Mapping[str, Any]) -> PlatformPlan:
    return _platform.validate_python(document)

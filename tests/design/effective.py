"""Comparing effective designs with answers written down as JSON or YAML."""

import dataclasses
from typing import Any


def plain(value: Any) -> Any:
    """A model as JSON would have it, numbers and booleans as text."""
    if dataclasses.is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, list | tuple):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(key): plain(entry) for key, entry in value.items()}
    return str(value) if isinstance(value, bool | int) else value


def differences(ours: Any, expected: Any, path: str = "") -> list[str]:
    """Where a value that is expected is not ours; ours may have more keys in a mapping."""
    if isinstance(ours, dict) and isinstance(expected, dict):
        return [
            difference
            for key, value in expected.items()
            for difference in differences(ours.get(key, "<absent>"), value, f"{path}.{key}")
        ]
    if isinstance(ours, list) and isinstance(expected, list) and len(ours) == len(expected):
        pairs = enumerate(zip(ours, expected, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}[{i}]")]
    return [] if ours == expected else [f"{path}: {ours!r} is not {expected!r}"]

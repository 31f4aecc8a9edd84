"""The configuration in force, as YAML that says where each value is from, without secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, SecretStr

from drydockd.config.load import Loaded, effective, redact_uri
from drydockd.config.options import Settings
from drydockd.config.sample import inline, section_name
from drydockd.config.schema import Schema

MASK = "****"
# In the options of a driver of somebody else only their names tell what is secret.
SECRET_NAME = re.compile("passw|secret|api_?key|token|credential|private", re.IGNORECASE)


def shown(loaded: Loaded, schema: Schema) -> str:
    """Return every option with its value and, as a comment, its source.

    The source is ``file:line``, ``environment NAME``, ``credential NAME``, the option that the
    value follows, or ``default``. The text is YAML and, but for what is masked, means the same.
    """
    lines = []
    for section, options in effective(loaded.settings, schema).items():
        lines.append(f"{section_name(section)}:" if options else f"{section_name(section)}: {{}}")
        for option, value in options.items():
            if value is None and schema.sections[section][option].is_required():
                lines.append(f"  # {option}: must be given, by those who enable its driver")
                continue
            text = inline(masked(value))
            lines.append(f"  {option}: {text}  # {_source(loaded, section, option)}")
    return "\n".join(lines) + "\n"


def dump(settings: Settings, schema: Schema | None = None) -> list[str]:
    """Return ``section.option = value`` lines, masked alike, for the log.

    Defaults of drivers' options are in it if the `schema` has their sections.
    """
    return [
        f"{section}.{option} = {_in_a_line(masked(value))}"
        for section, options in effective(settings, schema or Schema()).items()
        for option, value in options.items()
    ]


def _in_a_line(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() else inline(value)


def masked(value: object, name: str = "") -> object:
    """Return `value` with **** for every secret in it, one in a URI too."""
    if isinstance(value, BaseModel):
        value = {key: item for key, item in value if item is not None}
    if isinstance(value, Mapping):
        return {key: masked(item, str(key)) for key, item in value.items()}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, tuple | list | frozenset):
        return [masked(item, name) for item in value]
    if isinstance(value, str):
        return MASK if value and SECRET_NAME.search(name) else redact_uri(value)
    return value


def _source(loaded: Loaded, section: str, option: str) -> str:
    origin = loaded.origins.get((section, option))
    if origin is None:
        public = loaded.origins.get(("api", "public_url"))
        if (section, option) == ("bootactions", "report_url") and public is not None:
            return f"follows api.public_url, {_named(public)}"
        return "default"
    return _named(origin)


def _named(origin: str) -> str:
    is_variable = ":" not in origin and " " not in origin
    return f"environment {origin}" if is_variable else origin

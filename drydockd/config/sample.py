"""The commented sample configuration, and a settings file for a set of given values."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import yaml
from pydantic import SecretStr

from drydockd.config.schema import Schema

HEAD = """\
# drydockd: every option, commented out, with its default.
#
# DRYDOCKD_<SECTION>__<OPTION> in the environment wins over this file. Secrets may also come
# from systemd credentials named <section>.<option> (LoadCredential= in drydockd.service).
# `drydock config check FILE` reports every mistake; `drydock config show` prints the outcome.
"""


def section_name(section: str) -> str:
    """The original's spelling: its section of general options is upper-case."""
    return "DEFAULT" if section == "default" else section


def sample(schema: Schema) -> str:
    """Return the text of `conf/drydockd.yaml`; for an option without default, an empty value."""
    parts = [HEAD]
    for section, options in schema.sections.items():
        lines = [f"\n{section_name(section)}:"]
        about = schema.drivers[section].about if section in schema.drivers else ()
        for note in about:
            lines += _comment(note)
        lines += ["  #"] if about else []
        for option, info in options.items():
            note = info.description or ""
            if schema.is_secret(section, option):
                note += " (a secret)"
            if info.is_required():
                note += " (must be given)"
            lines += _comment(note)
            lines.append(f"  #{option}: {inline(schema.default(section, option))}")
        parts.append("\n".join(lines) + "\n")
    return "".join(parts)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text, 96, initial_indent="  # ", subsequent_indent="  # ", break_on_hyphens=False
    )


def render(
    values: Mapping[str, Mapping[str, Any]],
    schema: Schema,
    remarks: Mapping[str, Mapping[str, tuple[object, str]]] | None = None,
) -> str:
    """Return YAML with just these options, in the order of the sections here, then the others.

    `remarks`: section -> option -> value and text, of options that are not given: they follow
    in their section, commented out.
    """
    lines, remarks = [], remarks or {}
    named = {*values, *remarks}
    for section in dict.fromkeys([*(s for s in schema.sections if s in named), *values]):
        given = values.get(section, {})
        lines.append(f"{section_name(section)}:")
        lines += [f"  {option}: {inline(v)}" for option, v in given.items()]
        for option, (value, text) in remarks.get(section, {}).items():
            if option not in given:
                lines += [*_comment(text), f"  #{option}: {inline(value)}"]
    return "\n".join(lines) + "\n"


def inline(value: Any) -> str:
    """Return `value` as one line of YAML."""
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value)  # a double-quoted YAML scalar as well
    text: str = yaml.safe_dump(
        _plain(value), default_flow_style=True, width=10_000, allow_unicode=True
    )
    return text.removesuffix("...\n").strip()


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Enum):
        return value.value
    return str(value) if isinstance(value, Path) else value
